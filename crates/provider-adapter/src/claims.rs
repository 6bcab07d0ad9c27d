use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::Issuer;
use serde_json::{Map, Value};

use crate::ensure::ensure;
use crate::kind::GENERIC;
use crate::kinds::entra::tenants;
use crate::person::Person;
use crate::settings::ProviderSettings;

/// Reads the person from claims of an ID token, as if the provider of these settings had stated them: without
/// a signature and without any request. For trying rules, never for signing in.
///
/// # Errors
/// If they name no issuer, or one that is not the provider's as far as that is known without asking, or no
/// person.
pub fn identity_from_claims(
    settings: &ProviderSettings,
    claims: &Map<String, Value>,
) -> Result<ExternalIdentity, IdTokenFault> {
    let stated = claims.get("iss").and_then(Value::as_str);
    let stated = stated.and_then(|issuer| Issuer::parse(issuer).ok()).ok_or(IdTokenFault::Issuer)?;
    let published = settings.issuer.clone().unwrap_or_else(|| stated.clone());
    let kind = settings.kind_of(settings.located_kind.unwrap_or(&GENERIC), &stated);
    let claims_of_kind = kind.quirks.claims;
    let issuer = tenants::issuer_of(&published, claims_of_kind.tenant, claims)?;
    ensure(issuer == stated, IdTokenFault::Issuer)?;
    Person::new(claims, None, claims_of_kind, &published, settings).identity(issuer)
}
