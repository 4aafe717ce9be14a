const BYTES = 131;

/** A reminder as a shop would send it: an object whose JSON has 131 bytes, and that differs from task to task. */
export function payload(i) {
  const number = String(i % 10_000_000).padStart(7, "0");
  return {
    user: `u-${number}`,
    kind: "coupon-expiry",
    coupon: `SPRING-${number}`,
    region: "eu-west-1",
    channel: "email",
    locale: "en",
    step: 2,
  };
}

const bytes = JSON.stringify(payload(1)).length;
if (bytes !== BYTES) throw new Error(`Expected a payload of ${BYTES} bytes, got ${bytes}.`);
