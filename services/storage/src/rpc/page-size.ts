import { invalidField } from "@holdfast/core";

/** The size of a page: 0 is the default, and more than the most is the most. @throws INVALID_REQUEST */
export function pageSize(asked: number, byDefault: number, most: number): number {
  if (asked < 0) throw invalidField("page_size", "not negative");
  return asked === 0 ? byDefault : Math.min(asked, most);
}
