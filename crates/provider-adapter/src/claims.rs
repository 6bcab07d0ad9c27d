use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::Issuer;
use serde_json::{Map, Value};

use crate::derivation::{ProviderKind, ProviderMetadata};
use crate::person::Person;
use crate::quirks::Quirks;
use crate::settings::ProviderSettings;
use crate::tenants;

/// What these claims of an identity token would make of somebody, if the provider of these settings stated them: without a
/// signature and without asking anybody. For trying rules, never for signing in.
///
/// # Errors
/// When they name no issuer or nobody.
pub fn identity_from_claims(
    settings: &ProviderSettings,
    claims: &Map<String, Value>,
) -> Result<ExternalIdentity, IdTokenFault> {
    let stated = claims.get("iss").and_then(Value::as_str);
    let stated = stated.and_then(|issuer| Issuer::parse(issuer).ok()).ok_or(IdTokenFault::Issuer)?;
    let published = published(settings, &stated, claims);
    let kind = settings.kind.or(settings.location.kind()).unwrap_or(ProviderKind::Generic);
    let person = Person::new(claims, None, Quirks::of(kind, &stated).claims, &published);
    Ok(ExternalIdentity {
        subject: person.subject()?,
        issuer: tenants::issuer_of(&published, claims)?,
        email: person.email(),
        name: person.name(),
        groups: person.groups(),
        memberships: person.memberships(),
        authentication_methods: person.authentication_methods(),
        authenticated_at: None,
        session: None,
        id_token_hint: None,
    })
}

/// The issuer that the provider publishes: where every tenant can sign in, it is the template.
fn published(settings: &ProviderSettings, stated: &Issuer, claims: &Map<String, Value>) -> Issuer {
    let tenant = claims.get("tid").and_then(Value::as_str).filter(|tenant| !tenant.is_empty());
    match tenant.filter(|_| settings.location.is_for_any_tenant()) {
        None => stated.clone(),
        Some(tenant) => {
            let template = stated.as_str().replacen(tenant, ProviderMetadata::TENANT_TEMPLATE, 1);
            Issuer::parse(&template).unwrap_or_else(|_| stated.clone())
        }
    }
}
