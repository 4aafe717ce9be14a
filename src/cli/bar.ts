const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of block characters, to an eighth of a character; what is more than nothing shows. */
export function barOf(share: number, chars: number): string {
  const eighths = share > 0 ? Math.max(1, Math.round(share * chars * 8)) : 0;
  return "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}
