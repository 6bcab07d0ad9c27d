use labgate_domain::admission::Criterion;

use super::field::Field;
use crate::client_authentication::ClientAuth;

/// An error in the settings of a provider. The text reads after the name of its [field](Self::field).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A field is not set.
    #[error("is needed, because other settings of the provider are set")]
    Missing {
        /// The field.
        field: Field,
        /// The issuer alone would do in its place.
        or_issuer: bool,
    },
    /// A field has a value that it cannot have.
    #[error("{text}")]
    Malformed {
        /// The field.
        field: Field,
        /// The rule that the value breaks.
        text: String,
    },
    /// The URLs do not have the form that the stated kind demands.
    #[error("{0}")]
    UrlForm(&'static str),
    /// The stated kind contradicts the URLs.
    #[error("kind is {stated}, and the URLs are those of {found}")]
    Kind {
        /// The stated kind.
        stated: &'static str,
        /// The kind of the URLs.
        found: &'static str,
    },
    /// Groups are to be asked of Microsoft Graph, and the provider is not Entra.
    #[error("fetch_groups asks Microsoft Graph, and the provider is not Entra: leave it out")]
    FetchGroups,
    /// There is a hint, and no parameter for it.
    #[error(
        "domain_hint is set, and it is not known what this provider calls it: say which provider it is (kind), or leave it out"
    )]
    DomainHint,
    /// People of every tenant could sign in.
    #[error(
        "people of every Entra tenant, or everybody with a personal account, can sign in at these URLs: name the tenants that \
         may come in, by their ids (allow_tenants, LAB_EXTERNAL_OIDC_ALLOW_TENANTS), or put your tenant's id into the URLs in \
         place of \"common\", \"organizations\" or \"consumers\""
    )]
    TenantsNeeded,
    /// The operator vouches for addresses, and in another tenant anyone can have any address.
    #[error(
        "email_trust is provider, and people of several Entra tenants can sign in: an administrator of any of them can write \
         any address into an account; leave it at claim"
    )]
    EmailTrustOfTenants,
    /// The operator vouches for addresses, and anyone can have any address.
    #[error("{0}")]
    EmailTrust(&'static str),
    /// The extra certification authorities cannot be read.
    #[error("the extra certification authorities are not a bundle of PEM certificates")]
    ExtraCa,
    /// The method of client authentication needs a setting that is not there.
    #[error("is {}, which needs {}", .0.as_str(), .0.needs())]
    ClientAuth(ClientAuth),
    /// A provider that takes the client secret in the body and nothing else.
    #[error("is not possible at this provider, which takes client_secret in the body: leave client_auth out")]
    SecretNeeded,
    /// A public client has no secret.
    #[error("is none, and client_secret is set: leave one of them out")]
    PublicWithSecret,
    /// The client's certificate cannot be used.
    #[error("is no chain of PEM certificates with client_key_file as its key")]
    Certificate,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    HttpClient(String),
}

impl SettingsError {
    /// The field with the value to change.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Missing { field, .. } | Self::Malformed { field, .. } => *field,
            Self::UrlForm(_) | Self::Kind { .. } => Field::Kind,
            Self::FetchGroups => Field::FetchGroups,
            Self::DomainHint => Field::DomainHint,
            Self::TenantsNeeded => Field::Allow(Criterion::Tenant),
            Self::EmailTrustOfTenants | Self::EmailTrust(_) => Field::EmailTrust,
            Self::ClientAuth(_) | Self::PublicWithSecret | Self::SecretNeeded => Field::ClientAuth,
            Self::Certificate => Field::ClientCertificate,
            Self::ExtraCa | Self::HttpClient(_) => Field::ExtraCa,
        }
    }
}
