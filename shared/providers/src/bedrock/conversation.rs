//! A prompt in the form that Converse takes.

use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, Message, SystemContentBlock,
};

use crate::error::{ModelError, Refusal};
use crate::prompt::{Prompt, Role, Sampling, Turn};
use domain::cause::Cause;

/// What Converse is sent. It takes system turns apart from the others, whose roles must alternate,
/// beginning with the user's; and no text may be blank. Blank turns are left out.
pub(super) struct Conversation {
    pub(super) system: Option<Vec<SystemContentBlock>>,
    pub(super) messages: Vec<Message>,
    pub(super) inference: InferenceConfiguration,
}

impl Conversation {
    /// # Errors
    /// [`ModelError::Refused`] if no turn of the user's has a text. Converse would refuse it, in words that are not for
    /// the caller.
    pub(super) fn new(prompt: &Prompt, max_output_tokens: u32) -> Result<Self, ModelError> {
        let turns = || prompt.turns.iter().filter(|turn| !turn.text.trim().is_empty());
        let system = turns().filter(|turn| turn.role == Role::System);
        let system: Vec<_> = system.map(|turn| SystemContentBlock::Text(turn.text.clone())).collect();
        let messages = messages(turns().filter(|turn| turn.role != Role::System))?;
        if messages.is_empty() {
            let cause = Cause::because("the conversation has no text of the user");
            return Err(ModelError::Refused { refusal: Refusal::NothingAsked, cause });
        }
        Ok(Self {
            system: (!system.is_empty()).then_some(system),
            messages,
            inference: inference(&prompt.sampling, max_output_tokens),
        })
    }
}

/// One message for all turns of one side in a row. A reply at the beginning is left out: what it
/// answered is no longer in the context.
fn messages<'a>(turns: impl Iterator<Item = &'a Turn>) -> Result<Vec<Message>, ModelError> {
    let turns: Vec<&Turn> = turns.skip_while(|turn| turn.role == Role::Assistant).collect();
    turns
        .chunk_by(|one, next| one.role == next.role)
        .map(|turns| {
            let role = if turns[0].role == Role::User { ConversationRole::User } else { ConversationRole::Assistant };
            let texts = turns.iter().map(|turn| ContentBlock::Text(turn.text.clone())).collect();
            Message::builder().role(role).set_content(Some(texts)).build()
        })
        .collect::<Result<_, _>>()
        .map_err(|error| ModelError::Failed(Cause::new(error)))
}

fn inference(sampling: &Sampling, max_output_tokens: u32) -> InferenceConfiguration {
    InferenceConfiguration::builder()
        .max_tokens(i32::try_from(max_output_tokens).unwrap_or(i32::MAX))
        .set_temperature(sampling.temperature)
        .set_top_p(sampling.top_p)
        .set_stop_sequences((!sampling.stop.is_empty()).then(|| sampling.stop.clone()))
        .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_turn() -> impl Strategy<Value = Turn> {
        let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant)];
        (role, "[ a-c]{0,4}").prop_map(|(role, text)| Turn::text(role, text))
    }

    proptest! {
        /// Converse's demands are met, and nothing that the user said is lost. A conversation in which they said nothing is
        /// refused.
        #[test]
        fn any_conversation_becomes_one_that_converse_takes(turns in prop::collection::vec(any_turn(), 0..12)) {
            let prompt = Prompt { turns, ..Prompt::default() };
            let is_said = |role| move |turn: &&Turn| turn.role == role && !turn.text.trim().is_empty();
            let conversation = match Conversation::new(&prompt, 10) {
                Ok(conversation) => conversation,
                Err(ModelError::Refused { refusal: Refusal::NothingAsked, .. }) => {
                    prop_assert!(prompt.turns.iter().find(is_said(Role::User)).is_none());
                    return Ok(());
                }
                Err(other) => panic!("{other}"),
            };
            for (position, message) in conversation.messages.iter().enumerate() {
                let expected = if position % 2 == 0 { ConversationRole::User } else { ConversationRole::Assistant };
                prop_assert_eq!(&message.role, &expected);
                prop_assert!(!message.content.is_empty());
            }
            let of_users = conversation.messages.iter().filter(|message| message.role == ConversationRole::User);
            let texts: Vec<&String> =
                of_users.flat_map(|message| &message.content).map(|block| block.as_text().unwrap()).collect();
            let said: Vec<&String> =
                prompt.turns.iter().filter(is_said(Role::User)).map(|turn| &turn.text).collect();
            prop_assert!(!said.is_empty());
            prop_assert_eq!(texts, said);
            let system = conversation.system.map_or(0, |system| system.len());
            prop_assert_eq!(system, prompt.turns.iter().filter(is_said(Role::System)).count());
        }
    }
}
