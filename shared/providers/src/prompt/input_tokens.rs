//! The input tokens of a prompt: an upper limit, for the hold, and an estimate.

use serde_json::value::RawValue;
use unicode_normalization::UnicodeNormalization;

use crate::prompt::{
    BlockBorder, ERROR_MARK, EmbeddingInputs, Input, Prompt, ResponseFormat, Role, Tool, ToolChoice, Turn,
};
use domain::message::ToolCall;
use domain::reasoning_proof::ReasoningProof;

/// English has about four bytes a token with the tokenizers of today.
pub const BYTES_PER_TOKEN: usize = 4;

/// A way to count the tokens of a prompt. The numbers are tokens of the words that a chat template, or the provider,
/// writes around each part.
struct Measure {
    /// Around all turns.
    prompt: u64,
    /// In place of a system prompt, if the conversation has none.
    default_system_prompt: u64,
    /// Around a turn.
    turn: u64,
    /// Around the result of a tool, beside those around its turn.
    result: u64,
    /// Around a call of a tool.
    call: u64,
    /// Before all tools.
    tools: u64,
    /// Around a tool.
    tool: u64,
    /// Around the form of a reply.
    format: u64,
    /// Around a name, an id, or another single word.
    word: u64,
    /// Around an input of which a vector is wanted.
    input: u64,
    /// The tokens of a text.
    text: fn(&str) -> u64,
    /// The tokens of JSON, or of a text that becomes a part of JSON.
    json: fn(&str) -> u64,
}

/// A tokenizer that can write any text has no token of less than a byte. The limits allow for templates that put a system
/// prompt before all turns, for the instructions that providers write for tools (at most 530 tokens, by the tables of
/// those that publish them), and for the tool's name around a result, which the result need not say.
const MOST: Measure = Measure {
    prompt: 64,
    default_system_prompt: 0,
    turn: 16,
    result: 96,
    call: 64,
    tools: 640,
    tool: 64,
    format: 256,
    word: 16,
    input: 16,
    text: |text| most_bytes(text) as u64,
    json: |json| most_json_bytes(json) as u64,
};

/// Templates differ, and the estimate is of `ChatML`'s, which Qwen and many others use: 5 tokens around each turn (two
/// marks, the role, two line breaks), 3 for the beginning of the reply, and 21 for the system prompt that Qwen's template
/// writes where the conversation has none; 110 for its instructions before tools, 20 for the JSON around each tool, and
/// 15 for the marks and the JSON around each call and each result.
const ESTIMATED: Measure = Measure {
    prompt: 3,
    default_system_prompt: 21,
    turn: 5,
    result: 15,
    call: 15,
    tools: 110,
    tool: 20,
    format: 0,
    word: 0,
    input: 0,
    text: estimated_tokens,
    json: estimated_tokens,
};

impl Prompt {
    /// An upper limit of the conversation's input tokens, for every model that we know of which an image counts at most
    /// `image_tokens`. It counts every byte of turns, calls, tools and schemas, and allows for what templates and providers
    /// write around them.
    #[must_use]
    pub fn most_input_tokens(&self, image_tokens: u32) -> u64 {
        MOST.tokens(self) + self.image_tokens(image_tokens)
    }

    /// Estimated input tokens: one for every four bytes of a turn, a call, a tool or a schema or part of them, the words of a
    /// chat template, and `image_tokens` for each image, whose size nobody looks at. It is at most
    /// [`Prompt::most_input_tokens`].
    #[must_use]
    pub fn estimated_input_tokens(&self, image_tokens: u32) -> u64 {
        ESTIMATED.tokens(self) + self.image_tokens(image_tokens)
    }

    /// Estimated tokens that must be in a model's context window at once: those of the whole prompt, or of the longest input,
    /// since a model makes one vector after the other.
    #[must_use]
    pub fn estimated_context_tokens(&self, image_tokens: u32) -> u64 {
        match &self.inputs {
            None => self.estimated_input_tokens(image_tokens),
            Some(EmbeddingInputs { texts, .. }) => {
                texts.iter().map(|input| ESTIMATED.input(input)).max().unwrap_or_default()
            }
        }
    }

    fn image_tokens(&self, image_tokens: u32) -> u64 {
        u64::from(self.images()) * u64::from(image_tokens)
    }
}

impl Measure {
    fn tokens(&self, prompt: &Prompt) -> u64 {
        let Prompt { turns, tools, response_format, reasoning_effort, reasoning_summary, verbosity, inputs, .. } =
            prompt;
        if let Some(EmbeddingInputs { texts, .. }) = inputs {
            return texts.iter().map(|input| self.input(input)).sum();
        }
        let has_system_prompt = turns.iter().any(|turn| turn.role == Role::System);
        let chosen = match &tools.choice {
            Some(ToolChoice::Function(name)) => self.word(name),
            _ => 0,
        };
        self.prompt
            + if has_system_prompt { 0 } else { self.default_system_prompt }
            + turns.iter().map(|turn| self.turn(turn)).sum::<u64>()
            + if prompt.needs_tools() { self.tools } else { 0 }
            + tools.offered.iter().map(|tool| self.tool(tool)).sum::<u64>()
            + chosen
            + response_format.as_ref().map_or(0, |format| self.format(format))
            + self.optional_word(reasoning_effort.as_deref())
            + self.optional_word(reasoning_summary.as_deref())
            + self.optional_word(verbosity.as_deref())
    }

    fn turn(&self, turn: &Turn) -> u64 {
        let Turn { role, text, images, calls, answers, name, reasoning, proofs, borders, is_error, .. } = turn;
        let words = [answers, name, reasoning].map(|word| self.optional_word(word.as_deref()));
        self.turn
            + if *role == Role::Tool { self.result } else { 0 }
            // Where a protocol has no images in results, they become a turn of the user's.
            + if *role == Role::Tool && !images.is_empty() { self.turn } else { 0 }
            + if *is_error { self.word(ERROR_MARK) } else { 0 }
            // Some templates write a result as JSON.
            + if *role == Role::Tool { (self.json)(text) } else { (self.text)(text) }
            + words.into_iter().sum::<u64>()
            + calls.iter().map(|call| self.call(call)).sum::<u64>()
            // A ciphertext of so many tokens has at least as many bytes.
            + proofs.iter().map(|ReasoningProof { proof, .. }| self.word(&proof.data)).sum::<u64>()
            // A provider may write words of its own between two blocks.
            + borders.iter().map(|BlockBorder { .. }| self.word).sum::<u64>()
    }

    fn input(&self, input: &Input) -> u64 {
        self.input
            + match input {
                Input::Text(text) => (self.text)(text),
                Input::Tokens(tokens) => tokens.len() as u64,
            }
    }

    fn call(&self, call: &ToolCall) -> u64 {
        let ToolCall { id, name, arguments } = call;
        self.call + (self.json)(id) + (self.json)(name) + (self.json)(arguments)
    }

    fn tool(&self, tool: &Tool) -> u64 {
        let Tool { name, description, parameters, .. } = tool;
        self.tool + self.described(name, description.as_deref(), parameters.as_deref())
    }

    fn format(&self, format: &ResponseFormat) -> u64 {
        self.format
            + match format {
                ResponseFormat::JsonObject => 0,
                ResponseFormat::JsonSchema { name, description, schema, strict: _ } => {
                    self.described(name, description.as_deref(), schema.as_deref())
                }
            }
    }

    fn described(&self, name: &str, description: Option<&str>, schema: Option<&RawValue>) -> u64 {
        [Some(name), description, schema.map(RawValue::get)].into_iter().flatten().map(self.json).sum()
    }

    fn optional_word(&self, word: Option<&str>) -> u64 {
        word.map_or(0, |word| self.word(word))
    }

    fn word(&self, word: &str) -> u64 {
        self.word + (self.text)(word)
    }
}

/// An upper limit of the tokens of a member of the request that the provider may put into a prompt.
pub(crate) fn most_tokens_of_member(name: &str, json: &str) -> u64 {
    MOST.word + (MOST.json)(name) + (MOST.json)(json)
}

/// Estimated tokens of `text`: one for every four bytes or part of them.
#[must_use]
pub fn estimated_tokens(text: &str) -> u64 {
    text.len().div_ceil(BYTES_PER_TOKEN) as u64
}

/// The bytes of `text` in the longest of the forms that tokenizers bring it into first: as it is, NFC
/// (Qwen's), or NFKC (`SentencePiece`'s default). A character of three bytes can become one of 33.
fn most_bytes(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let composed = text.nfc().map(char::len_utf8).sum();
    let compatible = text.nfkc().map(char::len_utf8).sum();
    text.len().max(composed).max(compatible)
}

/// The most tokens of `json`, or of a text that becomes a part of JSON. Templates write it anew. Some put a line break and
/// an indentation after each value; some escape the characters that HTML does not allow (`\u003c` is one of one byte) or
/// all that are not ASCII (`\u00fc` is one of two); and some read the escapes, of which each may stand for a character of
/// 33 bytes.
fn most_json_bytes(json: &str) -> usize {
    const LONGEST_ESCAPED: usize = 33 - r"\u0000".len();
    let added = |byte: u8| match byte {
        // A tokenizer joins the spaces of an indentation.
        b'{' | b'}' | b'[' | b']' | b',' | b':' => 3,
        b'<' | b'>' | b'&' | b'\'' | ..b' ' => 5,
        // Text that is not JSON yet escapes them.
        b'"' | b'\\' => 1,
        128.. => 2,
        _ => 0,
    };
    most_bytes(json) + json.bytes().map(added).sum::<usize>() + LONGEST_ESCAPED * json.matches(r"\u").count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prompt::generated::{any_json, any_prompt, any_request_for_embeddings};

    #[test]
    fn each_turn_counts_the_bytes_of_its_longest_form() {
        for (text, bytes) in [
            ("", 0),
            ("Hello", 5),
            ("\u{fc}", 2),
            // One that both forms make shorter, and one that only the second makes longer.
            ("u\u{308}", 3),
            ("\u{1d160}", 12),
            ("\u{fdfa}", 33),
        ] {
            let turns = vec![Turn::text(Role::User, text); 2];
            let prompt = Prompt { turns, ..Prompt::default() };
            assert_eq!(prompt.most_input_tokens(0), 64 + 2 * (16 + bytes), "{text}");
        }
    }

    /// Seen with llama.cpp's Python server and Qwen's template: 33 tokens for a message of 4.
    #[test]
    fn the_estimate_has_a_token_for_four_bytes_and_the_words_of_a_chat_template() {
        let turn = |role, text: &str| Turn::text(role, text);
        let estimated = |turns| Prompt { turns, ..Prompt::default() }.estimated_input_tokens(0);
        assert_eq!(estimated(vec![turn(Role::User, "Who was Ada then")]), 33);
        assert_eq!(estimated(vec![turn(Role::System, ""), turn(Role::User, "Hell")]), 5 + 1 + 5 + 3);
    }

    /// `json` as a template may write it: with a line break and an indentation after each value.
    fn indented(json: &serde_json::Value) -> String {
        let mut written = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        serde::Serialize::serialize(json, &mut serde_json::Serializer::with_formatter(&mut written, formatter))
            .unwrap();
        String::from_utf8(written).unwrap()
    }

    /// The bytes of `text` where each run of spaces is joined.
    fn joined(text: &str) -> usize {
        let mut previous = 'x';
        text.chars()
            .filter(|character| {
                let is_first = *character != ' ' || previous != ' ';
                previous = *character;
                is_first
            })
            .map(char::len_utf8)
            .sum()
    }

    /// `prompt` without the last turn, the last tool, the last call, and each of the other parts: one of them in each.
    fn with_less(prompt: &Prompt) -> Vec<Prompt> {
        let without = |change: fn(&mut Prompt)| {
            let mut less = prompt.clone();
            change(&mut less);
            less
        };
        vec![
            without(|prompt| drop(prompt.tools.offered.pop())),
            without(|prompt| prompt.tools.choice = None),
            without(|prompt| prompt.response_format = None),
            without(|prompt| prompt.reasoning_effort = None),
            without(|prompt| prompt.verbosity = None),
            without(|prompt| prompt.reasoning_summary = None),
            without(|prompt| prompt.inputs.iter_mut().for_each(|inputs| drop(inputs.texts.pop()))),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| drop(turn.proofs.pop()))),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| turn.borders.clear())),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| drop(turn.calls.pop()))),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| drop(turn.images.pop()))),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| turn.answers = None)),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| turn.name = None)),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| turn.reasoning = None)),
            without(|prompt| prompt.turns.iter_mut().for_each(|turn| turn.text.clear())),
            without(|prompt| prompt.tools.offered.iter_mut().for_each(|tool| tool.description = None)),
            without(|prompt| prompt.tools.offered.iter_mut().for_each(|tool| tool.parameters = None)),
        ]
    }

    /// Makes the texts of one kind longer, each by the same words, and returns how many texts these are.
    type Lengthen = fn(&mut Prompt, &str) -> usize;

    fn push<'a>(texts: impl IntoIterator<Item = &'a mut String>, words: &str) -> usize {
        texts.into_iter().map(|text| text.push_str(words)).count()
    }

    /// The same for JSON, which becomes a part of a longer one.
    fn wrap<'a>(schemas: impl IntoIterator<Item = &'a mut Box<RawValue>>, words: &str) -> usize {
        let longer = |schema: &RawValue| RawValue::from_string(format!(r#"["{words}",{schema}]"#)).unwrap();
        schemas.into_iter().map(|schema| *schema = longer(schema)).count()
    }

    fn calls(prompt: &mut Prompt) -> impl Iterator<Item = &mut ToolCall> {
        prompt.turns.iter_mut().flat_map(|turn| &mut turn.calls)
    }

    /// Every kind of text that a model may be shown.
    const KINDS: [(&str, Lengthen); 18] = [
        ("texts", |prompt, words| push(prompt.turns.iter_mut().map(|turn| &mut turn.text), words)),
        ("ids of calls", |prompt, words| push(calls(prompt).map(|call| &mut call.id), words)),
        ("names in calls", |prompt, words| push(calls(prompt).map(|call| &mut call.name), words)),
        ("arguments", |prompt, words| push(calls(prompt).map(|call| &mut call.arguments), words)),
        ("ids of results", |prompt, words| {
            push(prompt.turns.iter_mut().filter_map(|turn| turn.answers.as_mut()), words)
        }),
        ("names", |prompt, words| push(prompt.turns.iter_mut().filter_map(|turn| turn.name.as_mut()), words)),
        ("reasoning", |prompt, words| push(prompt.turns.iter_mut().filter_map(|turn| turn.reasoning.as_mut()), words)),
        ("proofs", |prompt, words| {
            let proofs = prompt.turns.iter_mut().flat_map(|turn| &mut turn.proofs);
            push(proofs.map(|placed| &mut placed.proof.data), words)
        }),
        ("names of tools", |prompt, words| push(prompt.tools.offered.iter_mut().map(|tool| &mut tool.name), words)),
        ("descriptions of tools", |prompt, words| {
            push(prompt.tools.offered.iter_mut().filter_map(|tool| tool.description.as_mut()), words)
        }),
        ("schemas of tools", |prompt, words| {
            wrap(prompt.tools.offered.iter_mut().filter_map(|tool| tool.parameters.as_mut()), words)
        }),
        ("the tool that must be called", |prompt, words| match &mut prompt.tools.choice {
            Some(ToolChoice::Function(name)) => push([name], words),
            _ => 0,
        }),
        ("the name of a form", |prompt, words| match &mut prompt.response_format {
            Some(ResponseFormat::JsonSchema { name, .. }) => push([name], words),
            _ => 0,
        }),
        ("the description of a form", |prompt, words| match &mut prompt.response_format {
            Some(ResponseFormat::JsonSchema { description, .. }) => push(description, words),
            _ => 0,
        }),
        ("the schema of a form", |prompt, words| match &mut prompt.response_format {
            Some(ResponseFormat::JsonSchema { schema, .. }) => wrap(schema, words),
            _ => 0,
        }),
        ("the effort", |prompt, words| push(&mut prompt.reasoning_effort, words)),
        ("the summary", |prompt, words| push(&mut prompt.reasoning_summary, words)),
        ("the verbosity", |prompt, words| push(&mut prompt.verbosity, words)),
    ];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A part that is forgotten would hide among the words that are allowed for around the others.
        #[test]
        fn a_part_that_is_longer_raises_the_limit_by_as_many_bytes(prompt in any_prompt(), words in "[a-z]{1,40}") {
            let prompt = Prompt { inputs: None, ..prompt };
            for (kind, lengthen) in KINDS {
                let mut longer = prompt.clone();
                let added = lengthen(&mut longer, &words) * words.len();
                let limit = prompt.most_input_tokens(0) + added as u64;
                prop_assert!(longer.most_input_tokens(0) >= limit, "{kind}: {}", longer.most_input_tokens(0));
            }
        }

        #[test]
        fn the_estimate_is_never_above_the_upper_limit(prompt in any_prompt(), image_tokens: u32) {
            prop_assert!(prompt.estimated_input_tokens(image_tokens) <= prompt.most_input_tokens(image_tokens));
        }

        #[test]
        fn each_image_counts_what_the_model_counts_at_most(prompt in any_prompt(), image_tokens: u32) {
            let images: u64 = prompt.turns.iter().map(|turn| turn.images.len() as u64).sum();
            let of_images = images * u64::from(image_tokens);
            prop_assert_eq!(prompt.most_input_tokens(image_tokens), prompt.most_input_tokens(0) + of_images);
            prop_assert_eq!(prompt.estimated_input_tokens(image_tokens), prompt.estimated_input_tokens(0) + of_images);
        }

        #[test]
        fn every_part_of_a_prompt_counts_at_least_its_bytes(prompt in any_prompt()) {
            let bytes = |text: &Option<String>| text.as_deref().map_or(0, str::len);
            let schema = |schema: &Option<Box<RawValue>>| schema.as_deref().map_or(0, |schema| schema.get().len());
            let calls = prompt.turns.iter().flat_map(|turn| &turn.calls);
            let of_calls: usize = calls.map(|call| call.id.len() + call.name.len() + call.arguments.len()).sum();
            let of_turns = |turn: &Turn| {
                let of_proofs: usize = turn.proofs.iter().map(|placed| placed.proof.data.len()).sum();
                turn.text.len() + bytes(&turn.answers) + bytes(&turn.name) + bytes(&turn.reasoning) + of_proofs
            };
            let of_tools = |tool: &Tool| tool.name.len() + bytes(&tool.description) + schema(&tool.parameters);
            let all = of_calls
                + prompt.turns.iter().map(of_turns).sum::<usize>()
                + prompt.tools.offered.iter().map(of_tools).sum::<usize>();
            prop_assert!(prompt.most_input_tokens(0) >= all as u64);
            prop_assert!(prompt.estimated_input_tokens(0) >= all.div_ceil(BYTES_PER_TOKEN) as u64);
        }

        /// A caller who leaves a part out never pays more. The estimate of a system turn is the exception: it takes the place
        /// of the template's own.
        #[test]
        fn a_part_that_is_left_out_never_raises_the_limit_or_the_estimate(prompt in any_prompt()) {
            for less in with_less(&prompt) {
                prop_assert!(less.most_input_tokens(9) <= prompt.most_input_tokens(9));
                prop_assert!(less.estimated_input_tokens(9) <= prompt.estimated_input_tokens(9));
            }
            let mut less = prompt.clone();
            if less.turns.pop().is_some() {
                prop_assert!(less.most_input_tokens(9) < prompt.most_input_tokens(9));
            }
            if prompt.turns.last().is_some_and(|turn| turn.role != Role::System) {
                prop_assert!(less.estimated_input_tokens(9) < prompt.estimated_input_tokens(9));
            }
        }

        #[test]
        fn inputs_count_at_least_their_tokens_and_their_bytes(prompt in any_request_for_embeddings()) {
            let least = |input: &Input| match input {
                Input::Text(text) => text.len(),
                Input::Tokens(tokens) => tokens.len(),
            };
            let inputs = &prompt.inputs.as_ref().unwrap().texts;
            let most = prompt.most_input_tokens(9);
            prop_assert!(most >= inputs.iter().map(|input| least(input) as u64 + 16).sum());
            prop_assert!(prompt.estimated_input_tokens(9) <= most);
            for less in with_less(&prompt) {
                prop_assert!(less.most_input_tokens(9) <= most);
            }
        }

        /// A line break and its indentation are two tokens, of the modern tokenizers as of the older.
        #[test]
        fn the_limit_of_json_holds_for_json_that_is_written_anew(json in any_json()) {
            let compact = json.to_string();
            let limit = most_json_bytes(&compact);
            prop_assert!(joined(&indented(&json)) <= limit, "{compact}");
            let escaped = serde_json::to_string(&compact).unwrap();
            prop_assert!(escaped.len() <= limit + 2, "{compact}");
            let ascii: usize = compact.chars().map(|c| if c.is_ascii() { 1 } else { 6 * c.len_utf16() }).sum();
            prop_assert!(ascii <= limit, "{compact}");
            let of_html = |byte| if b"<>&'".contains(&byte) { 6 } else { 1 };
            prop_assert!(compact.bytes().map(of_html).sum::<usize>() <= limit, "{compact}");
        }
    }
}
