//! The function of conversations.

use super::FUNCTION_TIMEOUT;
use crate::request::{Told, Wish};
use crate::world::World;
use shared::domain::conversation_title::ConversationTitle;
use shared::error::ApiError;

/// As `conversations`.
pub(super) async fn answer(world: &World, number: usize, wish: &Wish) -> Result<Told, ApiError> {
    let (keeper, deadline) = (&world.keeper, world.clock.now().plus(FUNCTION_TIMEOUT));
    let title = || ConversationTitle::try_from(format!("Title {number}")).unwrap();
    match wish {
        Wish::MakeConversation { access } => Ok(Told::Made(keeper.make(access.payer(), title(), deadline).await?.id)),
        Wish::RenameConversation { access, id } => {
            keeper.rename(access.payer(), *id, title(), deadline).await?;
            Ok(Told::Done)
        }
        Wish::DeleteConversation { access, id } => {
            keeper.delete(access.payer(), *id, deadline).await?;
            Ok(Told::Done)
        }
        _ => Ok(Told::Wrong("a request to a function that takes conversations".to_owned())),
    }
}
