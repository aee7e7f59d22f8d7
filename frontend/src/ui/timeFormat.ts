import { createTimeFormat } from "../core/timeFormat";

/** The formatters of the reader's language and time zone, shared by the whole page. */
export const timeFormat = createTimeFormat();
