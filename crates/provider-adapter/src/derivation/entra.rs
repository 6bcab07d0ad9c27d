use labgate_domain::protocol::Issuer;

use super::candidates::document_of;
use super::error::{DerivationError, WhyNot};
use super::metadata::{ProviderMetadata, Role};
use super::operator_urls::OperatorUrls;
use crate::endpoint::Endpoint;

/// The tenant that personal Microsoft accounts live in.
pub(crate) const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// One of Microsoft's separate clouds.
#[derive(Debug, PartialEq, Eq)]
struct Cloud {
    hosts: &'static [&'static str],
    issuer_host: &'static str,
    v1_issuer_host: &'static str,
}

static CLOUDS: [Cloud; 3] = [
    Cloud {
        hosts: &["login.microsoftonline.com"],
        issuer_host: "login.microsoftonline.com",
        v1_issuer_host: "sts.windows.net",
    },
    Cloud {
        hosts: &["login.microsoftonline.us"],
        issuer_host: "login.microsoftonline.us",
        v1_issuer_host: "sts.windows.net",
    },
    Cloud {
        hosts: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        issuer_host: "login.partner.microsoftonline.cn",
        v1_issuer_host: "sts.chinacloudapi.cn",
    },
];

/// Where Entra is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In one of Microsoft's clouds.
    Cloud(&'static Cloud),
    /// At another origin, because the operator says so: something that plays Entra.
    Elsewhere(String),
}

impl Place {
    fn issuer_origin(&self, version: Version) -> String {
        match (self, version) {
            (Self::Cloud(cloud), Version::V1) => format!("https://{}", cloud.v1_issuer_host),
            (Self::Cloud(cloud), Version::V2) => format!("https://{}", cloud.issuer_host),
            (Self::Elsewhere(origin), _) => origin.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Entra ID: both of the operator's URLs are a tenant's endpoints, of the same version, in the same cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entra {
    at: TenantEndpoint,
    /// The only place where its document can be.
    pub(super) document: Endpoint,
}

/// An endpoint `/TENANT/oauth2/v2.0/…`, or `/TENANT/oauth2/…` of the old version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TenantEndpoint {
    place: Place,
    version: Version,
    /// A GUID, a domain name, `common`, `organizations` or `consumers`; in lower case, since case does not matter.
    tenant: String,
}

impl TenantEndpoint {
    /// `anywhere` takes every host for Entra's.
    fn parse(endpoint: &Endpoint, last: &str, anywhere: bool) -> Option<Self> {
        let url = endpoint.url();
        if url.query().is_some() {
            return None;
        }
        let host = url.host_str()?;
        let is_plain = url.scheme() != "https" || url.port().is_some();
        let place = match CLOUDS.iter().find(|cloud| cloud.hosts.contains(&host)) {
            Some(_) if is_plain => return None,
            Some(cloud) => Place::Cloud(cloud),
            None if anywhere && !is_external_id(host) => Place::Elsewhere(endpoint.origin()),
            None => return None,
        };
        let segments = endpoint.segments();
        let (tenant, version) = match segments.as_slice() {
            [tenant, "oauth2", "v2.0", name] if *name == last => (tenant, Version::V2),
            [tenant, "oauth2", name] if *name == last => (tenant, Version::V1),
            _ => return None,
        };
        Some(Self { place, version, tenant: tenant.to_ascii_lowercase() })
    }
}

impl Entra {
    /// `None` when the URLs are not Entra's. With `anywhere` they may be so at any host.
    pub(super) fn recognise(urls: &OperatorUrls, anywhere: bool) -> Result<Option<Self>, DerivationError> {
        let (Some(at), Some(token)) = (
            TenantEndpoint::parse(urls.authorization(), "authorize", anywhere),
            TenantEndpoint::parse(urls.token(), "token", anywhere),
        ) else {
            return Ok(None);
        };
        if at.place != token.place || at.tenant != token.tenant {
            let shown = |at: &TenantEndpoint| {
                let origin = at.place.issuer_origin(Version::V2);
                format!("{}/{}", origin.strip_prefix("https://").unwrap_or(&origin), at.tenant)
            };
            return Err(DerivationError::TenantsDiffer { authorization: shown(&at), token: shown(&token) });
        }
        let base = match (at.version, token.version) {
            (Version::V1, Version::V1) => format!("/{}", at.tenant),
            (Version::V2, Version::V2) => format!("/{}/v2.0", at.tenant),
            _ => return Err(DerivationError::VersionsDiffer),
        };
        let document = document_of(&urls.authorization().with_path(&base));
        Ok(Some(Self { at, document }))
    }

    /// Whether it stands for tenants that are not known beforehand, or for the one that anybody can have an account in.
    pub(super) fn is_for_any_tenant(&self) -> bool {
        matches!(self.at.tenant.as_str(), "common" | "organizations" | "consumers" | CONSUMERS)
    }

    /// The issuer of this tenant, or the template; `None` where the tenant stands there by a domain name.
    pub(super) fn known_issuer(&self) -> Option<Issuer> {
        let tenant = match self.at.tenant.as_str() {
            "common" | "organizations" => ProviderMetadata::TENANT_TEMPLATE,
            "consumers" => CONSUMERS,
            tenant => Some(tenant).filter(|tenant| is_guid(tenant))?,
        };
        Issuer::parse(&self.issuer_of(tenant)).ok()
    }

    pub(super) fn is_v1(&self) -> bool {
        self.at.version == Version::V1
    }

    /// Whether the document's issuer belongs to the tenant.
    pub(super) fn issuer_fits(&self, metadata: &ProviderMetadata) -> Result<(), WhyNot> {
        let tenant = self.at.tenant.as_str();
        let expected = match tenant {
            "common" | "organizations" => Some(ProviderMetadata::TENANT_TEMPLATE),
            "consumers" => Some(CONSUMERS),
            _ => is_guid(tenant).then_some(tenant),
        };
        let fits = self.issued_for(metadata).is_some_and(|id| expected.map_or(is_guid(id), |it| it == id));
        if fits {
            Ok(())
        } else {
            Err(WhyNot::other_issuer(metadata, &self.issuer_of(expected.unwrap_or("the tenant's GUID"))))
        }
    }

    /// The endpoint that is not this tenant's, if there is one. The tenant may appear as in the settings or, since it
    /// may stand there as a domain name, by the GUID that the issuer has.
    pub(super) fn endpoint_of_another(&self, metadata: &ProviderMetadata) -> Option<Role> {
        let issued_for = self.issued_for(metadata);
        let is_own = |role: Role, last| {
            TenantEndpoint::parse(role.of(metadata), last, true).is_some_and(|published| {
                published.place == self.at.place
                    && published.version == self.at.version
                    && (published.tenant == self.at.tenant || Some(published.tenant.as_str()) == issued_for)
            })
        };
        [(Role::Authorization, "authorize"), (Role::Token, "token")]
            .into_iter()
            .find(|(role, last)| !is_own(*role, last))
            .map(|(role, _)| role)
    }

    /// The tenant that the document's issuer stands for.
    fn issued_for<'a>(&self, metadata: &'a ProviderMetadata) -> Option<&'a str> {
        let around = self.issuer_of("|");
        let (before, after) = around.split_once('|')?;
        metadata.issuer.as_str().strip_prefix(before)?.strip_suffix(after)
    }

    fn issuer_of(&self, tenant: &str) -> String {
        let origin = self.at.place.issuer_origin(self.at.version);
        match self.at.version {
            Version::V1 => format!("{origin}/{tenant}/"),
            Version::V2 => format!("{origin}/{tenant}/v2.0"),
        }
    }
}

/// Whether the host is External ID's, or that of its predecessor: they have tenants of their own, whose issuers the URLs do
/// not tell, and into which customers sign themselves up.
pub(crate) fn is_external_id(host: &str) -> bool {
    [".ciamlogin.com", ".b2clogin.com"].iter().any(|suffix| host.ends_with(suffix))
}

/// In lower case: that is how Entra publishes it.
pub(crate) fn is_guid(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => hex(byte),
        })
}
