/** What the topology tests need to know of it. */
export function selfSigned(): { readonly key: string; readonly cert: string };
