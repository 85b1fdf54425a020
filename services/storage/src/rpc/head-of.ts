import { outOfOrder } from "./restore-messages.js";

/** A client stream whose first message was read. */
export interface HeadAndRest<Head, Message> {
  readonly head: Head;
  readonly rest: AsyncIterable<Message>;
}

/**
 * Reads the first message of a client stream.
 * @param read the head in a message, or null when it is another part.
 * @throws INVALID_REQUEST when the stream is empty or begins otherwise.
 */
export async function headOf<Head, Message>(
  messages: AsyncIterable<Message>,
  read: (message: Message) => Head | null,
): Promise<HeadAndRest<Head, Message>> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  const head = first.done === true ? null : read(first.value);
  if (head === null) throw outOfOrder("head");
  return { head, rest: { [Symbol.asyncIterator]: () => iterator } };
}
