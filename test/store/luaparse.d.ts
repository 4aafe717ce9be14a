/** Only what the contract test uses: a Lua 5.1 tree, its nodes told apart by `type`. */
declare module "luaparse" {
  export interface Node {
    readonly type: string;
    readonly [field: string]: unknown;
  }
  interface Options {
    readonly luaVersion: "5.1";
    readonly scope?: boolean;
    readonly comments?: boolean;
  }
  /** @throws SyntaxError */
  function parse(source: string, options: Options): Node;
  const luaparse: { parse: typeof parse };
  export default luaparse;
}
