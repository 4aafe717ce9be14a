import { expect, test } from "vitest";
import { errorLabel } from "../../src/telemetry/error-type.ts";

test("labels name a hundred errors, and none beyond", () => {
  for (let i = 0; i < 100; i++) expect(errorLabel(`E${i}`)).toBe(`E${i}`);
  expect(errorLabel("E100")).toBe("_OTHER");
  expect(errorLabel("E99")).toBe("E99");
});
