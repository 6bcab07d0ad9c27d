use labgate_domain::protocol::{EndSessionForm, HintParameters};

use super::hosts;
use crate::client_authentication::AssertionAudience;
use crate::kind::Kind;
use crate::quirks::{Offline, Quirks};

const DOMAINS: &[&str] = &[".okta.com", ".okta-emea.com", ".okta-gov.com", ".oktapreview.com"];

/// Okta. It signs out only with the ID token.
pub static OKTA: Kind = Kind {
    name: "okta",
    by_issuer: |issuer| hosts::is_below(issuer, DOMAINS),
    hints: HintParameters { domain: Some("idp"), ..HintParameters::OPENID },
    quirks: Quirks {
        assertion_audience: AssertionAudience::TokenEndpoint,
        offline: Offline::Scope,
        logout: EndSessionForm { needs_id_token: true, ..EndSessionForm::STANDARD },
        ..Quirks::NONE
    },
    meanings: include_str!("okta.tsv"),
    ..Kind::OPENID
};
