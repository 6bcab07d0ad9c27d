//! Entra's tenants: which one an issuer is, and which one a token is from.

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::Issuer;
use serde_json::{Map, Value};

use crate::derivation::{CONSUMERS, ProviderMetadata, is_guid};

/// The issuer that a token must state: the provider's, or with Entra's template in place of a tenant, the template for the
/// tenant that the token is from. Whether that tenant may come in is for the rules of admission to say.
pub(crate) fn issuer_of(published: &Issuer, claims: &Map<String, Value>) -> Result<Issuer, IdTokenFault> {
    if !published.as_str().contains(ProviderMetadata::TENANT_TEMPLATE) {
        return Ok(published.clone());
    }
    let tenant = claims.get("tid").and_then(Value::as_str).filter(|tenant| is_guid(tenant));
    let tenant = tenant.ok_or(IdTokenFault::Issuer)?;
    let concrete = published.as_str().replacen(ProviderMetadata::TENANT_TEMPLATE, tenant, 1);
    Issuer::parse(&concrete).map_err(|_| IdTokenFault::Issuer)
}

/// Whether the token is of a member, and not a guest, of the organisation whose tenant this published issuer is: one tenant,
/// known beforehand, and not the one of all personal accounts.
pub(crate) fn is_of_a_member(published: &Issuer, claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let Some(tenant) = text("tid").filter(|tenant| is_guid(tenant) && *tenant != CONSUMERS) else {
        return false;
    };
    let is_its_own = published.as_str().split('/').any(|segment| segment == tenant);
    let from_elsewhere = text("idp").is_some_and(|idp| idp != published.as_str());
    let marked_as_guest = !matches!(claims.get("acct"), None | Some(Value::Null))
        && claims.get("acct").and_then(Value::as_u64) != Some(0)
        && text("acct") != Some("0");
    let named_as_guest = ["preferred_username", "upn", "unique_name"]
        .into_iter()
        .filter_map(text)
        .any(|name| name.contains("#EXT#"));
    is_its_own && !from_elsewhere && !marked_as_guest && !named_as_guest
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
        let of = |claims: Value| issuer_of(&template, &self::claims(claims));
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
            assert_eq!(of(json!({"tid": tid})), Err(IdTokenFault::Issuer), "{tid}");
        }
        assert_eq!(issuer_of(&issuer(HOME), &claims(json!({"tid": OTHER}))), Ok(issuer(HOME)));
    }

    #[test]
    fn c104_only_a_member_of_the_one_tenant_is_a_member() {
        let member = |issuer: &Issuer, more: Value| {
            let mut all = claims(json!({"tid": HOME, "preferred_username": "ada@contoso.example"}));
            all.extend(claims(more));
            is_of_a_member(issuer, &all)
        };
        let home = issuer(HOME);
        for fine in [json!({}), json!({"acct": 0}), json!({"acct": "0"}), json!({"idp": home.as_str()})] {
            assert!(member(&home, fine.clone()), "{fine}");
        }
        for guest in [
            json!({"acct": 1}),
            json!({"acct": "1"}),
            json!({"acct": true}),
            json!({"idp": "https://sts.windows.net/99999999-2222-3333-4444-555555555555/"}),
            json!({"idp": "live.com"}),
            json!({"preferred_username": "ada_partner.example#EXT#@contoso.example"}),
            json!({"upn": "ada_partner.example#EXT#@contoso.example"}),
            json!({"tid": OTHER}),
            json!({"tid": null}),
        ] {
            assert!(!member(&home, guest.clone()), "{guest}");
        }
        assert!(!member(&issuer("{tenantid}"), json!({})), "in a template nobody is at home");
        assert!(!member(&issuer(CONSUMERS), json!({"tid": CONSUMERS})), "anybody has a personal account");
    }
}
