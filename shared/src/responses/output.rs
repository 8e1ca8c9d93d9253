//! The output of an answer, put together of the parts of a reply.

use domain::ids::EntryId;
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ProofKind};
use providers::raw_array::RawArray;
use providers::reply::{Part, ToolCallDelta};
use serde_json::value::RawValue;

use crate::responses::annotations;
use crate::responses::form::ResponseForm;
use crate::responses::output_item::{ItemStatus, OutputItem, PartKind, SearchArguments};
use crate::responses::tool_names::{CallerTool, ToolKind, input_of_arguments};

/// The most items of an answer before reasoning is left out. Without it texts go on in one message, but for the calls among them.
const MAX_ITEMS: usize = 1024;

/// An observer of an output. `place` is an item's place in it.
pub(super) trait OutputObserver {
    /// An item begins.
    fn item_begins(&mut self, place: usize, item: &OutputItem);

    /// The last part of the item begins: of a message, or of reasoning.
    fn part_begins(&mut self, place: usize, item: &OutputItem);

    /// The last part of the item, or its arguments, or its input, goes on with `words`.
    fn words(&mut self, place: usize, item: &OutputItem, words: &str);

    /// Annotations are added to the last part of the item.
    fn annotations(&mut self, place: usize, item: &OutputItem, added: &RawArray);

    /// The last part of the item, or its arguments, or its input, is complete.
    fn part_ends(&mut self, place: usize, item: &OutputItem);

    /// An item ends.
    fn item_ends(&mut self, place: usize, item: &OutputItem);
}

/// The observer of a whole answer does nothing.
impl OutputObserver for () {
    fn item_begins(&mut self, _place: usize, _item: &OutputItem) {}
    fn part_begins(&mut self, _place: usize, _item: &OutputItem) {}
    fn words(&mut self, _place: usize, _item: &OutputItem, _words: &str) {}
    fn annotations(&mut self, _place: usize, _item: &OutputItem, _added: &RawArray) {}
    fn part_ends(&mut self, _place: usize, _item: &OutputItem) {}
    fn item_ends(&mut self, _place: usize, _item: &OutputItem) {}
}

/// The items of an answer so far. A message and reasoning end when anything else begins. So does a call whose arguments are
/// complete then, and any other ends with the answer, because some servers write several at once.
pub(super) struct ResponseOutput {
    id: EntryId,
    form: ResponseForm,
    items: Vec<OutputItem>,
    /// The place of the message or of the reasoning that the model is writing.
    open: Option<usize>,
    calls: Vec<OpenCall>,
}

/// A call that the model is writing.
struct OpenCall {
    /// The call's place among those of its reply.
    index: u32,
    /// The parts of the call so far, without the arguments that its item has.
    call: ToolCall,
    /// The place of its item, which begins when its name is complete.
    place: Option<usize>,
    has_ended: bool,
}

impl ResponseOutput {
    /// The output of the message of this id, of which nothing has come.
    pub(super) fn new(id: EntryId, form: ResponseForm) -> Self {
        Self { id, form, items: Vec::new(), open: None, calls: Vec::new() }
    }

    pub(super) fn items(&self) -> &[OutputItem] {
        &self.items
    }

    /// Adds a part of the reply.
    pub(super) fn add(&mut self, part: &Part, observer: &mut impl OutputObserver) {
        match part {
            Part::Text(words) => self.say(PartKind::Text, words, observer),
            Part::Refusal(words) => self.say(PartKind::Refusal, words, observer),
            Part::Reasoning(words) => self.say(PartKind::Summary, words, observer),
            Part::Proof(proof) => self.prove(proof, observer),
            Part::ToolCall(delta) => self.call(delta, observer),
            Part::Annotations(annotations) => self.annotate(annotations, observer),
            Part::Logprobs(_) | Part::StopSequence(_) | Part::Embeddings(_) => {}
        }
    }

    /// Ends all items. What is not complete then ends as `last`.
    pub(super) fn end(&mut self, last: ItemStatus, observer: &mut impl OutputObserver) {
        self.end_open(last, observer);
        let mut calls = std::mem::take(&mut self.calls);
        calls.retain(|call| !call.has_ended);
        calls.sort_by_key(|call| call.index);
        for mut call in calls {
            let is_complete = is_whole_object(self.arguments(&call));
            let status = if is_complete { ItemStatus::Completed } else { last };
            self.end_call(&mut call, status, observer);
        }
    }

    /// Goes on with words of this kind.
    fn say(&mut self, kind: PartKind, words: &str, observer: &mut impl OutputObserver) {
        let Some(place) = self.item_of(kind, observer) else { return };
        let last = self.items[place].last_part();
        if last != Some(kind) {
            if last.is_some() {
                observer.part_ends(place, &self.items[place]);
            }
            self.items[place].begin_part(kind);
            observer.part_begins(place, &self.items[place]);
        }
        self.write(place, words, observer);
    }

    /// Annotations belong to the last text, also if that has ended: then the last event alone has them. They belong to the next
    /// one if their server sends them before it.
    fn annotate(&mut self, annotations: &RawArray, observer: &mut impl OutputObserver) {
        let has_text = |item: &mut OutputItem| item.annotations().is_some();
        let last = self.items.iter_mut().rposition(has_text);
        if last.is_none() {
            self.say(PartKind::Text, "", observer);
        }
        let Some(place) = last.or(self.open) else { return };
        let added = annotations::known(annotations);
        if let Some(annotations) = self.items[place].annotations() {
            annotations.add(&added);
            if self.open == Some(place) {
                observer.annotations(place, &self.items[place], &added);
            }
        }
    }

    /// An item of reasoning ends with its proof. It is written with its kind and its maker, because the item's id is ours.
    fn prove(&mut self, proof: &Proof, observer: &mut impl OutputObserver) {
        let is_reasoning = |place: usize| matches!(self.items[place], OutputItem::Reasoning { .. });
        let is_shown = self.form.parts().shows_proofs;
        if !is_shown && !self.open.is_some_and(is_reasoning) {
            return;
        }
        let Some(place) = self.item_of(PartKind::Summary, observer) else { return };
        if let OutputItem::Reasoning { encrypted_content, .. } = &mut self.items[place] {
            *encrypted_content = is_shown.then(|| proof.written(ProofKind::Encrypted));
        }
        self.end_open(ItemStatus::Completed, observer);
    }

    fn call(&mut self, delta: &ToolCallDelta, observer: &mut impl OutputObserver) {
        let number = self.calls.iter().position(|call| call.index == delta.index).unwrap_or_else(|| {
            self.end_what_is_complete(observer);
            let call = ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
            self.calls.push(OpenCall { index: delta.index, call, place: None, has_ended: false });
            self.calls.len() - 1
        });
        let OpenCall { call, place, has_ended, .. } = &mut self.calls[number];
        if *has_ended {
            return;
        }
        if place.is_none() {
            call.id.push_str(delta.id.as_deref().unwrap_or_default());
            call.name.push_str(delta.name.as_deref().unwrap_or_default());
        }
        call.arguments.push_str(&delta.arguments);
        if !call.arguments.is_empty() {
            let mut begun = self.calls.swap_remove(number);
            self.go_on(&mut begun, observer);
            self.calls.push(begun);
        }
    }

    /// Ends the message or the reasoning that the model is writing, and each call whose arguments are a whole object: nothing
    /// follows one. The items of calls begin in the order of the calls.
    fn end_what_is_complete(&mut self, observer: &mut impl OutputObserver) {
        self.end_open(ItemStatus::Completed, observer);
        let mut calls = std::mem::take(&mut self.calls);
        calls.sort_by_key(|call| call.index);
        for call in &mut calls {
            if call.has_ended {
                continue;
            }
            if is_whole_object(self.arguments(call)) {
                self.end_call(call, ItemStatus::Completed, observer);
                call.has_ended = true;
            } else if !call.call.name.is_empty() {
                self.begin_call(call, observer);
            }
        }
        self.calls = calls;
    }

    /// The arguments of `begun` so far.
    fn arguments<'a>(&'a self, begun: &'a OpenCall) -> &'a str {
        match begun.place.map(|place| &self.items[place]) {
            Some(OutputItem::FunctionCall { arguments, .. }) => arguments,
            _ => &begun.call.arguments,
        }
    }

    /// Moves what came of the arguments of a function to the call's item. The text of a custom tool is known when all of it
    /// is there.
    fn go_on(&mut self, begun: &mut OpenCall, observer: &mut impl OutputObserver) {
        let place = self.begin_call(begun, observer);
        if matches!(self.items[place], OutputItem::FunctionCall { .. }) {
            let words = std::mem::take(&mut begun.call.arguments);
            self.write(place, &words, observer);
        }
    }

    /// The place of the item of `begun`.
    fn begin_call(&mut self, begun: &mut OpenCall, observer: &mut impl OutputObserver) -> usize {
        if let Some(place) = begun.place {
            return place;
        }
        let (call_id, status) = (begun.call.id.clone(), ItemStatus::InProgress);
        let CallerTool { kind, namespace, name } = self.form.parts().names.tool(&begun.call.name);
        let item = match kind {
            ToolKind::Function => {
                let (id, arguments) = (self.next_id("fc"), String::new());
                OutputItem::FunctionCall { id, status, call_id, namespace, name, arguments }
            }
            ToolKind::Custom => {
                let (id, input) = (self.next_id("ctc"), String::new());
                OutputItem::CustomToolCall { id, status, call_id, namespace, name, input }
            }
            ToolKind::Search => {
                let (id, arguments) = (self.next_id("tsc"), SearchArguments::Nothing {});
                OutputItem::ToolSearchCall { id, status, call_id, execution: "client", arguments }
            }
        };
        let place = self.begin(item, observer);
        begun.place = Some(place);
        place
    }

    fn end_call(&mut self, begun: &mut OpenCall, status: ItemStatus, observer: &mut impl OutputObserver) {
        self.go_on(begun, observer);
        let place = self.begin_call(begun, observer);
        let rest = std::mem::take(&mut begun.call.arguments);
        match &mut self.items[place] {
            OutputItem::CustomToolCall { .. } => self.write(place, &input_of_arguments(&rest), observer),
            OutputItem::ToolSearchCall { arguments, .. } => *arguments = SearchArguments::of(rest),
            OutputItem::FunctionCall { .. } | OutputItem::Message { .. } | OutputItem::Reasoning { .. } => {}
        }
        observer.part_ends(place, &self.items[place]);
        self.items[place].end(status);
        observer.item_ends(place, &self.items[place]);
    }

    /// The place of the item that the model is writing, if that has parts of this kind, or else of a new one. Beyond
    /// [`MAX_ITEMS`] there is none for reasoning.
    fn item_of(&mut self, kind: PartKind, observer: &mut impl OutputObserver) -> Option<usize> {
        let of_reasoning = kind == PartKind::Summary;
        let is_of_kind = |place: &usize| matches!(self.items[*place], OutputItem::Reasoning { .. }) == of_reasoning;
        if let Some(place) = self.open.filter(is_of_kind) {
            return Some(place);
        }
        if of_reasoning && self.items.len() >= MAX_ITEMS {
            return None;
        }
        self.end_what_is_complete(observer);
        let status = ItemStatus::InProgress;
        let item = if of_reasoning {
            let id = self.next_id("rs");
            OutputItem::Reasoning { id, status, summary: Vec::new(), encrypted_content: None }
        } else {
            OutputItem::Message { id: self.next_id("msg"), status, role: "assistant", content: Vec::new() }
        };
        let place = self.begin(item, observer);
        self.open = Some(place);
        self.open
    }

    fn write(&mut self, place: usize, words: &str, observer: &mut impl OutputObserver) {
        if words.is_empty() {
            return;
        }
        if let Some(written) = self.items[place].words() {
            written.push_str(words);
            observer.words(place, &self.items[place], words);
        }
    }

    fn begin(&mut self, item: OutputItem, observer: &mut impl OutputObserver) -> usize {
        let place = self.items.len();
        observer.item_begins(place, &item);
        self.items.push(item);
        place
    }

    /// Ends the message or the reasoning that the model is writing.
    fn end_open(&mut self, status: ItemStatus, observer: &mut impl OutputObserver) {
        let Some(place) = self.open.take() else { return };
        if self.items[place].last_part().is_some() {
            observer.part_ends(place, &self.items[place]);
        }
        self.items[place].end(status);
        observer.item_ends(place, &self.items[place]);
    }

    /// An id for the next item: of this message, and of the item's place in it.
    fn next_id(&self, kind: &str) -> String {
        format!("{kind}_{}_{}", self.id, self.items.len())
    }
}

/// Whether `arguments` are a JSON object that is complete.
fn is_whole_object(arguments: &str) -> bool {
    serde_json::from_str::<&RawValue>(arguments).is_ok_and(|value| value.get().starts_with('{'))
}
