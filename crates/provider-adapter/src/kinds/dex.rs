use labgate_domain::protocol::HintParameters;

use crate::kind::Kind;
use crate::quirks::{Offline, Quirks};

/// Dex, recognised where its own examples put it.
pub static DEX: Kind = Kind {
    name: "dex",
    by_issuer: |issuer| issuer.as_str().ends_with("/dex"),
    hints: HintParameters { domain: Some("connector_id"), ..HintParameters::OPENID },
    quirks: Quirks { offline: Offline::Scope, code_error: Some((500, "server_error")), ..Quirks::NONE },
    meanings: include_str!("dex.tsv"),
    ..Kind::OPENID
};
