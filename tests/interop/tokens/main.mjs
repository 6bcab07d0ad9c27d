// Judges the tokens on standard input, a line each, by the function of docs/tokens.md, which stands above.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log("accepted", (await person(line)).preferred_username);
  } catch (error) {
    console.log("refused", error.message);
  }
}
