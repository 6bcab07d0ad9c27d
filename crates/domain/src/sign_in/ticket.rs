use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{AttemptError, SignInError};
pub use crate::sealed::Ticket;
use crate::sealed::{SealError, SealId, Sealer};
use crate::time::Timestamp;
use crate::world::{Clock, Entropy};

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
        self.seal_until(purpose, until, content)
    }

    pub(super) fn seal_until<T: Serialize>(
        self,
        purpose: &str,
        until: Timestamp,
        content: T,
    ) -> Result<Ticket, SealError> {
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
        Ok(Ticket::of(id, self.sealer.seal(id, &plaintext)?))
    }

    pub(super) fn open<T: DeserializeOwned>(self, purpose: &str, ticket: &Ticket) -> Result<T, SignInError> {
        let plaintext = self.sealer.open(ticket.id(), ticket.sealed()).ok_or(AttemptError::Unknown)?;
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
