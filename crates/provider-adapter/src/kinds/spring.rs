use labgate_domain::protocol::EndSessionForm;

use crate::kind::Kind;
use crate::quirks::{Offline, Quirks};

/// Spring Authorization Server, known by the settings alone: several products have its paths. The client's
/// grant types decide about refresh tokens, and it signs out only with the ID token.
pub static SPRING: Kind = Kind {
    name: "spring",
    quirks: Quirks {
        offline: Offline::Always,
        logout: EndSessionForm { needs_id_token: true, ..EndSessionForm::STANDARD },
        ..Quirks::NONE
    },
    meanings: include_str!("spring.tsv"),
    ..Kind::OPENID
};
