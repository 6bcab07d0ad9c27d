//! Entra's tenants: which one an issuer is, and which one a token is from.

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::Issuer;
use serde_json::{Map, Value};

use crate::derivation::ProviderMetadata;

/// The tenant of all personal Microsoft accounts.
pub(crate) const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The issuer that a token must state: the provider's, or with Entra's template in place of a tenant, the
/// template for the tenant that the token is from. The admission rules decide about that tenant.
///
/// `tenant` is the claim that names the tenant, where the provider has such. It must be that of the issuer.
pub(crate) fn issuer_of(
    published: &Issuer,
    tenant: Option<&str>,
    claims: &Map<String, Value>,
) -> Result<Issuer, IdTokenFault> {
    let Some(tenant) = tenant else { return Ok(published.clone()) };
    let stated = claims.get(tenant).and_then(Value::as_str).filter(|tenant| is_guid(tenant));
    let stated = stated.ok_or(IdTokenFault::Subject)?;
    match concrete(published.as_str(), stated) {
        Some(issuer) => Issuer::parse(&issuer).map_err(|_| IdTokenFault::Issuer),
        None if tenant_in(published).is_some_and(|tenant| tenant != stated) => Err(IdTokenFault::Issuer),
        None => Ok(published.clone()),
    }
}

/// Returns whether a key may sign for this issuer. Microsoft publishes the keys of all tenants together and
/// names the owner in each key, by an issuer or the template for any: a key for personal accounts signs for
/// no organisation.
///
/// `tenant` is the claim that names the tenant; without one, keys have no owner.
pub(crate) fn key_is_for(
    key_issuer: Option<&str>,
    issuer: &Issuer,
    tenant: Option<&str>,
    claims: &Map<String, Value>,
) -> bool {
    let (Some(key_issuer), Some(tenant)) = (key_issuer, tenant) else { return true };
    let Some(stated) = claims.get(tenant).and_then(Value::as_str) else { return false };
    let concrete = concrete(key_issuer, stated);
    let key_issuer = concrete.as_deref().unwrap_or(key_issuer);
    if issuer.as_str().ends_with("/v2.0") {
        key_issuer == issuer.as_str()
    } else {
        // A tenant has two issuers, by the version of the token, and the keys may name the other one.
        key_issuer.split('/').skip(3).any(|segment| segment == stated)
    }
}

/// The template with a tenant in it; `None` when it is no template.
fn concrete(template: &str, tenant: &str) -> Option<String> {
    let (before, after) = template.split_once(ProviderMetadata::TENANT_TEMPLATE)?;
    Some(format!("{before}{tenant}{after}"))
}

/// The tenant that an issuer is, by its id in the path.
fn tenant_in(issuer: &Issuer) -> Option<&str> {
    issuer.as_str().split('/').skip(3).find(|segment| is_guid(segment))
}

/// Returns whether the token is of a member, and not a guest, of the tenant that this published issuer is:
/// one tenant, known beforehand, and not the one of all personal accounts.
pub(crate) fn is_of_a_member(published: &Issuer, claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let Some(tenant) = text("tid").filter(|tenant| is_guid(tenant) && *tenant != CONSUMERS) else {
        return false;
    };
    let is_its_own = tenant_in(published) == Some(tenant);
    let home = format!("https://sts.windows.net/{tenant}/");
    let from_elsewhere = match claims.get("idp") {
        None | Some(Value::Null) => false,
        // A tenant has two issuers, by the version of the token.
        Some(idp) => ![published.as_str(), &home].iter().any(|own| idp.as_str() == Some(own)),
    };
    let marked_as_guest = match claims.get("acct") {
        None | Some(Value::Null) => false,
        Some(acct) => acct.as_u64() != Some(0) && acct.as_str() != Some("0"),
    };
    let named_as_guest = ["preferred_username", "upn", "unique_name"]
        .into_iter()
        .filter_map(text)
        .any(|name| name.to_ascii_uppercase().contains("#EXT#"));
    is_its_own && !signs_itself_up(published) && !from_elsewhere && !marked_as_guest && !named_as_guest
}

/// Returns whether customers sign themselves up into the tenant: there the address is not the word of an
/// organisation about its own people.
fn signs_itself_up(issuer: &Issuer) -> bool {
    issuer.as_str().split('/').nth(2).is_some_and(is_external_id)
}

/// Returns whether the host is External ID's, or that of its predecessor: their tenants have issuers that the
/// URLs do not tell, and into which customers sign themselves up.
pub(super) fn is_external_id(host: &str) -> bool {
    [".ciamlogin.com", ".b2clogin.com"].iter().any(|suffix| host.ends_with(suffix))
}

/// Returns whether the text is a GUID in lower case, as Entra publishes it.
pub(super) fn is_guid(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => hex(byte),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOME: &str = "11111111-2222-3333-4444-555555555555";
    const OTHER: &str = "99999999-2222-3333-4444-555555555555";

    fn claims(value: Value) -> Map<String, Value> {
        let Value::Object(claims) = value else { panic!("an object") };
        claims
    }

    fn issuer(tenant: &str) -> Issuer {
        Issuer::parse(&format!("https://login.microsoftonline.com/{tenant}/v2.0")).unwrap()
    }

    #[test]
    fn c105_the_template_stands_for_the_tenant_of_the_token_alone() {
        let template = issuer("{tenantid}");
        let of = |claims: Value| issuer_of(&template, Some("tid"), &self::claims(claims));
        assert_eq!(of(json!({"tid": HOME})), Ok(issuer(HOME)));
        for tid in [
            json!(null),
            json!(1),
            json!(""),
            json!("common"),
            json!("{tenantid}"),
            json!(format!("{HOME}/..")),
            json!(HOME.to_uppercase().replace('1', "A")),
        ] {
            assert_eq!(of(json!({"tid": tid})), Err(IdTokenFault::Subject), "{tid}");
        }
    }

    #[test]
    fn c105_the_tenant_of_a_token_is_that_of_its_issuer() {
        let of = |tenant, claims: Value| issuer_of(&issuer(HOME), tenant, &self::claims(claims));
        assert_eq!(of(Some("tid"), json!({"tid": HOME})), Ok(issuer(HOME)));
        assert_eq!(of(Some("tid"), json!({"tid": OTHER})), Err(IdTokenFault::Issuer));
        assert_eq!(of(Some("tid"), json!({})), Err(IdTokenFault::Subject));
        assert_eq!(of(None, json!({"tid": OTHER})), Ok(issuer(HOME)), "a claim that means nothing elsewhere");
    }

    #[test]
    fn c105_a_key_of_one_tenant_signs_for_no_other() {
        let fits = |key: Option<&str>, issuer: &Issuer, tenant| {
            key_is_for(key, issuer, tenant, &claims(json!({"tid": HOME})))
        };
        let (home, template, other) = (issuer(HOME), issuer("{tenantid}"), issuer(OTHER));
        let elsewhere = "https://evil.example/{tenantid}/v2.0";
        for (key, expected) in [
            (None, true),
            (Some(template.as_str()), true),
            (Some(home.as_str()), true),
            (Some(other.as_str()), false),
            (Some(elsewhere), false),
            (Some(""), false),
        ] {
            assert_eq!(fits(key, &home, Some("tid")), expected, "{key:?}");
        }
        assert!(fits(Some(other.as_str()), &home, None), "a member that means nothing elsewhere");
        let first_version = Issuer::parse(&format!("https://sts.windows.net/{HOME}/")).unwrap();
        assert!(fits(Some(template.as_str()), &first_version, Some("tid")));
        assert!(!fits(Some(other.as_str()), &first_version, Some("tid")));
    }

    #[test]
    fn c104_only_a_member_of_the_one_tenant_is_a_member() {
        let member = |issuer: &Issuer, more: Value| {
            let mut all = claims(json!({"tid": HOME, "preferred_username": "ada@contoso.example"}));
            all.extend(claims(more));
            is_of_a_member(issuer, &all)
        };
        let home = issuer(HOME);
        let older = format!("https://sts.windows.net/{HOME}/");
        for fine in [
            json!({}),
            json!({"acct": 0}),
            json!({"acct": "0"}),
            json!({"idp": home.as_str()}),
            json!({"idp": older}),
        ] {
            assert!(member(&home, fine.clone()), "{fine}");
        }
        for guest in [
            json!({"acct": 1}),
            json!({"acct": "1"}),
            json!({"acct": true}),
            json!({"idp": "https://sts.windows.net/99999999-2222-3333-4444-555555555555/"}),
            json!({"idp": "live.com"}),
            json!({"idp": 7}),
            json!({"preferred_username": "ada_partner.example#EXT#@contoso.example"}),
            json!({"upn": "ada_partner.example#ext#@contoso.example"}),
            json!({"tid": OTHER}),
            json!({"tid": null}),
        ] {
            assert!(!member(&home, guest.clone()), "{guest}");
        }
        assert!(!member(&issuer("{tenantid}"), json!({})), "in a template no person is at home");
        let customers = Issuer::parse(&format!("https://{HOME}.ciamlogin.com/{HOME}/v2.0")).unwrap();
        assert!(!member(&customers, json!({})), "customers sign themselves up");
        assert!(!member(&issuer(CONSUMERS), json!({"tid": CONSUMERS})), "anybody has a personal account");
    }
}
