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
    cloud: &'static Cloud,
    version: Version,
    /// A GUID, a domain name, `common`, `organizations` or `consumers`; in lower case, since case does not matter.
    tenant: String,
}

impl TenantEndpoint {
    fn parse(endpoint: &Endpoint, last: &str) -> Option<Self> {
        let url = endpoint.url();
        if url.scheme() != "https" || url.port().is_some() || url.query().is_some() {
            return None;
        }
        let host = url.host_str()?;
        let cloud = CLOUDS.iter().find(|cloud| cloud.hosts.contains(&host))?;
        let segments = endpoint.segments();
        let (tenant, version) = match segments.as_slice() {
            [tenant, "oauth2", "v2.0", name] if *name == last => (tenant, Version::V2),
            [tenant, "oauth2", name] if *name == last => (tenant, Version::V1),
            _ => return None,
        };
        Some(Self { cloud, version, tenant: tenant.to_ascii_lowercase() })
    }
}

impl Entra {
    /// `None` when the URLs are not Entra's.
    pub(super) fn recognise(urls: &OperatorUrls) -> Result<Option<Self>, DerivationError> {
        let (Some(at), Some(token)) = (
            TenantEndpoint::parse(urls.authorization(), "authorize"),
            TenantEndpoint::parse(urls.token(), "token"),
        ) else {
            return Ok(None);
        };
        if at.cloud != token.cloud || at.tenant != token.tenant {
            let shown = |at: &TenantEndpoint| format!("{}/{}", at.cloud.issuer_host, at.tenant);
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

    /// Whether it stands for tenants that are not known beforehand.
    pub(super) fn is_for_any_tenant(&self) -> bool {
        matches!(self.at.tenant.as_str(), "common" | "organizations")
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
            TenantEndpoint::parse(role.of(metadata), last).is_some_and(|published| {
                published.cloud == self.at.cloud
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
        match self.at.version {
            Version::V1 => format!("https://{}/{tenant}/", self.at.cloud.v1_issuer_host),
            Version::V2 => format!("https://{}/{tenant}/v2.0", self.at.cloud.issuer_host),
        }
    }
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
