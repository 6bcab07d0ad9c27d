//! What is particular about a provider, as data: nothing here is a switch that an operator has to find.

use std::time::Duration;

use labgate_domain::protocol::{EndSessionForm, Issuer};
use openidconnect::AuthType;

use crate::derivation::ProviderKind;

/// What a kind of provider does differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// How much earlier than the truth it writes `iat` and `nbf`.
    pub(crate) backdating: Duration,
    /// It takes the client secret from the body more reliably than from a header.
    pub(crate) prefers_post: bool,
    /// What its `end_session_endpoint` takes.
    pub(crate) logout: EndSessionForm,
    /// It answers with a `server_error` of its own to a code that was used or has expired.
    pub(crate) fails_for_codes: bool,
    /// What it takes to be given a refresh token.
    pub(crate) offline: Offline,
    /// A claim, and its text, that is in each of its identity tokens and in none of its access tokens.
    pub(crate) id_token_mark: Option<(&'static str, &'static str)>,
    /// What it says of a person in claims of its own.
    pub(crate) claims: PersonClaims,
}

/// What it takes to be given a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offline {
    /// The scope `offline_access`, and that the person is asked for consent: otherwise a provider has to pass over the scope
    /// (OpenID Connect Core section 11).
    ScopeWithConsent,
    /// The scope `offline_access` alone.
    Scope,
    /// Nothing. Some refuse the scope, and at Keycloak it asks for more than is needed: a token that outlives the person's
    /// session there.
    Always,
    /// Parameters of the authorization request.
    Parameters(&'static [(&'static str, &'static str)]),
}

/// Where a provider states what, beside the standard claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PersonClaims {
    /// Names the person for good within the issuer.
    pub(crate) subject: &'static str,
    /// What makes an address the person's own; one is enough.
    pub(crate) evidence: &'static [Evidence],
    /// The groups; those of all lists that are there.
    pub(crate) groups: &'static [GroupList],
    /// The tenant.
    pub(crate) tenant: Option<&'static str>,
    /// The hosted domain.
    pub(crate) hosted_domain: Option<&'static str>,
}

/// Where a list of groups stands in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupList {
    /// Under a name, or under one within another.
    At(&'static [Name]),
    /// Under a URL: the namespace of ours, and this segment. What stands in another one was made for others.
    Namespaced(&'static str),
}

/// A name on the way to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// This one.
    Fixed(&'static str),
    /// The id under which we are registered there.
    ClientId,
}

/// A provider's way of vouching for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// `email_verified` is the JSON value `true` (OpenID Connect Core section 5.1).
    EmailVerified,
    /// `email_verified` is the text `true`, at userinfo (Cognito).
    EmailVerifiedInWords,
    /// `email_verified`, and the address is one that the provider itself runs: at Gmail, or of an account with a hosted domain
    /// (Google).
    EmailVerifiedAndRun,
    /// `verified_primary_email` lists it (Entra).
    ListedAsVerified,
    /// `xms_edov` says that the owner of its domain is verified (Entra).
    DomainOwnerVerified,
    /// The person is a member, not a guest, of the one tenant that the issuer is (Entra): the address is the tenant's word.
    MemberOfTheTenant,
}

const OKTA_DOMAINS: [&str; 4] = [".okta.com", ".okta-emea.com", ".okta-gov.com", ".oktapreview.com"];

impl Quirks {
    /// Those of a provider, which is known by the operator's URLs or, where only its issuer is configured, by that.
    pub(crate) fn of(kind: ProviderKind, issuer: &Issuer) -> Self {
        match kind_in_effect(kind, issuer) {
            ProviderKind::Entra | ProviderKind::EntraV1 => Self::ENTRA,
            ProviderKind::Cognito => Self::COGNITO,
            ProviderKind::Google => Self::GOOGLE,
            ProviderKind::GitLab => Self::GITLAB,
            ProviderKind::Dex => Self::DEX,
            ProviderKind::Keycloak => Self::KEYCLOAK,
            ProviderKind::Auth0 => Self::AUTH0,
            ProviderKind::Okta => Self::OKTA,
            ProviderKind::Authentik => Self { offline: Offline::Scope, ..Self::NONE },
            ProviderKind::Generic | ProviderKind::GitHub => Self::NONE,
        }
    }

    const NONE: Self = Self {
        backdating: Duration::ZERO,
        prefers_post: false,
        logout: EndSessionForm::Standard,
        fails_for_codes: false,
        offline: Offline::ScopeWithConsent,
        id_token_mark: None,
        claims: PersonClaims::STANDARD,
    };

    const DEX: Self = Self { offline: Offline::Scope, fails_for_codes: true, ..Self::NONE };

    /// Entra backdates its tokens by five minutes, for clients whose clocks are late; and it has changed its mind about
    /// whether the secret in a Basic header is form-urlencoded. `sub` is another one for each application, `oid` is the person;
    /// it is unique within the tenant, which the issuer names. It never says `email_verified`: where a token does, another tenant's
    /// administrator may have had it put there.
    const ENTRA: Self = Self {
        offline: Offline::Scope,
        backdating: Duration::from_mins(5),
        prefers_post: true,
        claims: PersonClaims {
            subject: "oid",
            evidence: &[
                Evidence::ListedAsVerified,
                Evidence::DomainOwnerVerified,
                Evidence::MemberOfTheTenant,
            ],
            groups: &[GroupList::At(&[Name::Fixed("groups")]), GroupList::At(&[Name::Fixed("roles")])],
            tenant: Some("tid"),
            hosted_domain: None,
        },
        ..Self::NONE
    };

    /// Its roles are in the identity token where a mapper puts them there, in the form that its access tokens have: those of the
    /// realm, and those of each client. Another client's roles say nothing here, and whoever looks after that client could name
    /// them as they like. The refresh token that it gives to everybody ends with the person's session there; one for
    /// `offline_access` would outlive it.
    const KEYCLOAK: Self = Self {
        offline: Offline::Always,
        claims: PersonClaims {
            groups: &[
                GroupList::At(&[Name::Fixed("groups")]),
                GroupList::At(&[Name::Fixed("realm_access"), Name::Fixed("roles")]),
                GroupList::At(&[Name::Fixed("resource_access"), Name::ClientId, Name::Fixed("roles")]),
            ],
            ..PersonClaims::STANDARD
        },
        ..Self::NONE
    };

    /// An Action can say what groups and roles somebody has, but not under these names alone: they are Auth0's own, and it takes
    /// them under a URL. One Action speaks to all applications of a tenant, so a URL of another one's says nothing here.
    const AUTH0: Self = Self {
        offline: Offline::Scope,
        claims: PersonClaims {
            groups: &[
                GroupList::At(&[Name::Fixed("groups")]),
                GroupList::Namespaced("groups"),
                GroupList::Namespaced("roles"),
            ],
            ..PersonClaims::STANDARD
        },
        ..Self::NONE
    };

    /// Okta signs nobody out without the identity token.
    const OKTA: Self =
        Self { offline: Offline::Scope, logout: EndSessionForm::StandardWithHint, ..Self::NONE };

    /// Anybody can have an account by an address elsewhere. Google has verified it once, and does not learn when it becomes
    /// somebody else's. It gives a refresh token with a person's consent only, which is otherwise asked for once.
    const GOOGLE: Self = Self {
        offline: Offline::Parameters(&[("access_type", "offline"), ("prompt", "consent")]),
        claims: PersonClaims {
            evidence: &[Evidence::EmailVerifiedAndRun],
            hosted_domain: Some("hd"),
            ..PersonClaims::STANDARD
        },
        ..Self::NONE
    };

    /// Its identity token has the groups that somebody is a direct member of; `groups` is at userinfo only.
    const GITLAB: Self = Self {
        offline: Offline::Always,
        claims: PersonClaims {
            groups: &[
                GroupList::At(&[Name::Fixed("groups")]),
                GroupList::At(&[Name::Fixed("groups_direct")]),
            ],
            ..PersonClaims::STANDARD
        },
        ..Self::NONE
    };

    /// Cognito publishes its own logout page as `end_session_endpoint`. That page wants `logout_uri`, and shows an error
    /// page to a browser that comes with `post_logout_redirect_uri`. Its access tokens are signed by the same keys, and each
    /// token says which of the two it is. At userinfo it says `email_verified` in words.
    const COGNITO: Self = Self {
        logout: EndSessionForm::LogoutUri,
        offline: Offline::Always,
        id_token_mark: Some(("token_use", "id")),
        claims: PersonClaims {
            evidence: &[Evidence::EmailVerified, Evidence::EmailVerifiedInWords],
            groups: &[GroupList::At(&[Name::Fixed("cognito:groups")])],
            ..PersonClaims::STANDARD
        },
        ..Self::NONE
    };

    /// How to prove who we are, given what the provider says it accepts (Discovery section 3): nothing said means Basic.
    pub(crate) fn client_authentication(self, accepted: &[String]) -> Option<AuthType> {
        let accepts = |method: &str| accepted.iter().any(|it| it == method);
        let basic = accepted.is_empty() || accepts("client_secret_basic");
        let post = accepts("client_secret_post");
        match (basic, post) {
            (true, true) if self.prefers_post => Some(AuthType::RequestBody),
            (true, _) => Some(AuthType::BasicAuth),
            (false, true) => Some(AuthType::RequestBody),
            (false, false) => None,
        }
    }
}

impl PersonClaims {
    /// As OpenID Connect Core section 5.1 has them.
    pub(crate) const STANDARD: Self = Self {
        subject: "sub",
        evidence: &[Evidence::EmailVerified],
        groups: &[GroupList::At(&[Name::Fixed("groups")])],
        tenant: None,
        hosted_domain: None,
    };
}

/// What a provider is taken for: this, or where it is none in particular, what its issuer tells.
pub(crate) fn kind_in_effect(kind: ProviderKind, issuer: &Issuer) -> ProviderKind {
    match kind {
        ProviderKind::Generic => kind_of(issuer).unwrap_or(kind),
        known => known,
    }
}

/// The kind that an issuer tells, if it does.
pub(crate) fn kind_of(issuer: &Issuer) -> Option<ProviderKind> {
    match issuer.as_str() {
        "https://accounts.google.com" => Some(ProviderKind::Google),
        "https://gitlab.com" => Some(ProviderKind::GitLab),
        _ if is_entra(issuer) => Some(ProviderKind::Entra),
        _ if is_cognito(issuer) => Some(ProviderKind::Cognito),
        _ if is_under(issuer, &[".auth0.com"]) => Some(ProviderKind::Auth0),
        _ if is_under(issuer, &OKTA_DOMAINS) => Some(ProviderKind::Okta),
        // Where their own examples put them.
        issuer if issuer.ends_with("/dex") => Some(ProviderKind::Dex),
        _ if is_a_realm(issuer) => Some(ProviderKind::Keycloak),
        _ => None,
    }
}

/// Whether this is an issuer of Microsoft Entra ID or of its External ID.
fn is_entra(issuer: &Issuer) -> bool {
    const HOSTS: [&str; 5] = [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "sts.windows.net",
        "sts.chinacloudapi.cn",
    ];
    https_host(issuer).is_some_and(|host| HOSTS.contains(&host) || host.ends_with(".ciamlogin.com"))
}

/// Whether this is a user pool of Amazon Cognito, whatever domain its pages have.
fn is_cognito(issuer: &Issuer) -> bool {
    https_host(issuer).is_some_and(|host| {
        let amazon = [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|suffix| host.ends_with(suffix));
        amazon && ["cognito-idp.", "cognito-idp-fips."].iter().any(|prefix| host.starts_with(prefix))
    })
}

/// Whether it ends as Keycloak's issuers do: `/realms/NAME`.
fn is_a_realm(issuer: &Issuer) -> bool {
    let path = issuer.as_str().splitn(4, '/').nth(3).unwrap_or_default();
    path.rsplit_once('/')
        .is_some_and(|(above, name)| !name.is_empty() && above.rsplit('/').next() == Some("realms"))
}

/// Whether its host is one of a domain of which the provider gives each customer one.
fn is_under(issuer: &Issuer, domains: &[&str]) -> bool {
    https_host(issuer).is_some_and(|host| domains.iter().any(|domain| host.ends_with(domain)))
}

fn https_host(issuer: &Issuer) -> Option<&str> {
    issuer.as_str().strip_prefix("https://").and_then(|rest| rest.split('/').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "11111111-2222-3333-4444-555555555555";

    fn method(kind: ProviderKind, accepted: &[&str]) -> Option<AuthType> {
        let accepted: Vec<_> = accepted.iter().map(|&method| method.to_owned()).collect();
        Quirks::of(kind, &Issuer::parse("https://op.example").unwrap()).client_authentication(&accepted)
    }

    #[test]
    fn c010_the_secret_goes_where_the_provider_takes_it() {
        let (basic, post) = ("client_secret_basic", "client_secret_post");
        let generic = ProviderKind::Generic;
        assert!(matches!(method(generic, &[]), Some(AuthType::BasicAuth)));
        assert!(matches!(method(generic, &[post, basic]), Some(AuthType::BasicAuth)));
        assert!(matches!(method(generic, &["private_key_jwt", post]), Some(AuthType::RequestBody)));
        assert!(method(generic, &["private_key_jwt"]).is_none());
        assert!(matches!(method(ProviderKind::Entra, &[post, basic]), Some(AuthType::RequestBody)));
        assert!(matches!(method(ProviderKind::EntraV1, &[]), Some(AuthType::BasicAuth)));
    }

    #[test]
    fn some_providers_are_known_by_their_issuers_too() {
        for (issuer, quirks) in [
            ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123".to_owned(), Quirks::COGNITO),
            ("https://cognito-idp-fips.us-east-1.amazonaws.com/us-east-1_A".to_owned(), Quirks::COGNITO),
            ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A".to_owned(), Quirks::COGNITO),
            ("https://cognito-idp.eu-west-1.amazonaws.com.evil.example/x".to_owned(), Quirks::NONE),
            ("https://op.example/cognito-idp.eu-west-1.amazonaws.com".to_owned(), Quirks::NONE),
            (format!("https://login.microsoftonline.com/{GUID}/v2.0"), Quirks::ENTRA),
            (format!("https://sts.windows.net/{GUID}/"), Quirks::ENTRA),
            (format!("https://{GUID}.ciamlogin.com/{GUID}/v2.0"), Quirks::ENTRA),
            ("https://login.microsoftonline.com.evil.example/v2.0".to_owned(), Quirks::NONE),
            ("https://evilciamlogin.com/".to_owned(), Quirks::NONE),
            ("http://127.0.0.1:5556/dex".to_owned(), Quirks::DEX),
            ("https://accounts.google.com".to_owned(), Quirks::GOOGLE),
            ("https://gitlab.com".to_owned(), Quirks::GITLAB),
            ("http://login.microsoftonline.com/x".to_owned(), Quirks::NONE),
            ("https://sso.example/realms/lab".to_owned(), Quirks::KEYCLOAK),
            ("http://127.0.0.1:8180/auth/realms/lab".to_owned(), Quirks::KEYCLOAK),
            ("https://sso.example/realms/".to_owned(), Quirks::NONE),
            ("https://sso.example/realms/lab/v2.0".to_owned(), Quirks::NONE),
            ("https://realms/lab".to_owned(), Quirks::NONE),
            ("https://acme.eu.auth0.com/".to_owned(), Quirks::AUTH0),
            ("https://acme.okta.com".to_owned(), Quirks::OKTA),
            ("https://acme.oktapreview.com/oauth2/default".to_owned(), Quirks::OKTA),
            ("https://evilokta.com".to_owned(), Quirks::NONE),
            ("https://evilauth0.com/".to_owned(), Quirks::NONE),
            ("https://acme.auth0.com.evil.example/".to_owned(), Quirks::NONE),
        ] {
            let issuer = Issuer::parse(&issuer).unwrap();
            assert_eq!(Quirks::of(ProviderKind::Generic, &issuer), quirks, "{issuer}");
        }
        let elsewhere = Issuer::parse("https://op.example").unwrap();
        assert_eq!(Quirks::of(ProviderKind::Cognito, &elsewhere), Quirks::COGNITO);
        assert_eq!(Quirks::of(ProviderKind::Keycloak, &elsewhere), Quirks::KEYCLOAK);
        assert_eq!(Quirks::of(ProviderKind::Auth0, &elsewhere), Quirks::AUTH0);
    }
}
