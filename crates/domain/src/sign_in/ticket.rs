use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{AttemptError, SignInError};
use crate::sealed::{SealError, SealId, Sealed, Sealer};
use crate::time::Timestamp;
use crate::world::{Clock, Entropy};

/// A browser's proof of one step, good until the next step: sealed, so that the browser can carry it and
/// neither read nor change it.
#[derive(Debug)]
pub struct Ticket {
    id: SealId,
    sealed: Sealed,
}

impl Ticket {
    /// The time that a person has for the next step.
    pub const LIFETIME: Duration = Duration::from_mins(10);

    /// Returns the ticket as a browser carries it.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.id, self.sealed.as_str())
    }

    /// Returns the ticket of a seal that was kept elsewhere than in a browser.
    pub(super) fn of(id: SealId, sealed: Sealed) -> Self {
        Self { id, sealed }
    }

    /// Returns the id under which its use is recorded.
    pub(super) fn id(&self) -> SealId {
        self.id
    }

    /// Returns the seal, to be kept where its id is known.
    pub(super) fn into_sealed(self) -> Sealed {
        self.sealed
    }

    /// Takes a ticket from a browser, unopened.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, sealed) = text.split_once('.')?;
        Some(Self { id: SealId::parse(id).ok()?, sealed: Sealed::parse(sealed).ok()? })
    }
}

/// The text inside the seal. The purpose keeps a ticket for one thing from being used for another.
#[derive(Serialize, Deserialize)]
struct TicketContent<T> {
    purpose: String,
    until: Timestamp,
    content: T,
}

/// Seals and opens tickets.
#[derive(Clone, Copy)]
pub struct Tickets<'a> {
    /// Seals them.
    pub sealer: &'a dyn Sealer,
    /// Lets them expire.
    pub clock: &'a dyn Clock,
    /// Names them.
    pub entropy: &'a dyn Entropy,
}

impl Tickets<'_> {
    pub(super) fn seal<T: Serialize>(self, purpose: &str, content: T) -> Result<Ticket, SealError> {
        let until = self.clock.now().plus(Ticket::LIFETIME);
        self.seal_under(SealId::fresh(self.entropy), purpose, until, content)
    }

    pub(super) fn seal_under<T: Serialize>(
        self,
        id: SealId,
        purpose: &str,
        until: Timestamp,
        content: T,
    ) -> Result<Ticket, SealError> {
        let sealed = TicketContent { purpose: purpose.to_owned(), until, content };
        let plaintext = serde_json::to_vec(&sealed).map_err(|_| SealError)?;
        Ok(Ticket { id, sealed: self.sealer.seal(id, &plaintext)? })
    }

    pub(super) fn open<T: DeserializeOwned>(self, purpose: &str, ticket: &Ticket) -> Result<T, SignInError> {
        let plaintext = self.sealer.open(ticket.id, &ticket.sealed).ok_or(AttemptError::Unknown)?;
        let sealed: TicketContent<T> =
            serde_json::from_slice(&plaintext).map_err(|_| AttemptError::Unknown)?;
        if sealed.purpose != purpose {
            return Err(AttemptError::Unknown.into());
        }
        if self.clock.now() >= sealed.until {
            return Err(AttemptError::Expired.into());
        }
        Ok(sealed.content)
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorCode;
    use crate::sign_in::testing::World;

    #[test]
    fn f50_a_ticket_is_good_for_its_purpose_and_until_its_last_second() {
        let scene = World::default().scene();
        let tickets = scene.sign_in.external().external.tickets;
        let ticket = tickets.seal("this", 7).unwrap();
        let code = |purpose| tickets.open::<i32>(purpose, &ticket).map_err(|error| error.code());
        assert_eq!(code("that"), Err(ErrorCode::AttemptUnknown));
        scene.clock.advance(599);
        assert_eq!(code("this"), Ok(7));
        scene.clock.advance(1);
        assert_eq!(code("this"), Err(ErrorCode::AttemptExpired));
    }
}
