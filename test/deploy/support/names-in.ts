/** Names of the series that an expression asks for. */
export function namesIn(expr: string): string[] {
  const bare = expr.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\{[^}]*\}/g, "{}");
  return bare.match(/\b(?:delayq[_:][\w:]+|process_\w+|nodejs_\w+|up|ALERTS)\b/g) ?? [];
}
