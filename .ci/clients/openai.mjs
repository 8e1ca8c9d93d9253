// The openai package of npm. It reads its address and key from the environment.
import OpenAI from "openai";

const client = new OpenAI();
const question = { model: "dummy", messages: [{ role: "user", content: "Hello" }] };
const whole = await client.chat.completions.create(question);
console.log("whole:", whole.choices[0].message.content);
let text = "";
for await (const chunk of await client.chat.completions.create({ ...question, stream: true })) {
  text += chunk.choices[0].delta.content ?? "";
}
console.log("streamed:", text);
