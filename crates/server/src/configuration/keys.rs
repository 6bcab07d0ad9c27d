//! The one list of what can be configured. The environment's names, the check for unknown keys and the test
//! of `docs/configuration.md` all come from it.

/// One key of the configuration.
#[derive(Debug)]
pub(super) struct Key {
    /// The path in the file, such as `session.idle_limit`.
    pub(super) path: &'static str,
    /// The lab's own name for it in the environment, beside the one made from its path.
    pub(super) lab_variable: Option<&'static str>,
    /// The kind of its values.
    pub(super) kind: ValueKind,
    /// Whether all replicas of a lab must have it alike.
    pub(super) scope: Scope,
    /// The default.
    pub(super) default: Option<&'static str>,
}

/// Whether all replicas of a lab must have a setting alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All have the same value: each states a fingerprint of it, and one that differs is found.
    Shared,
    /// Each has its own: the value depends on the machine or its network, or it is a secret, of which nothing is
    /// stated.
    Own,
}

/// The kind of a key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// A text.
    Text,
    /// An address. It is not repeated in messages: a mistaken one can hold a password.
    Url,
    /// A text that is never shown.
    Secret,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number,
    /// Names with a text each: a table in the file, and in the environment `name=value`, with `&` in between,
    /// as in a URL's query.
    Table,
    /// Texts: a list of them in the file; in the environment a list in JSON, or separated by commas where no
    /// text has an equals sign.
    List,
}

impl ValueKind {
    /// The rule that a value of another kind breaks.
    pub(super) fn notation(self) -> &'static str {
        match self {
            Self::Switch => "must be true or false",
            Self::Number => "must be a whole number",
            Self::List => "must be a list of texts in quotes, such as [\"one\", \"two\"]",
            Self::Table => {
                "must be a table of texts, such as { prompt = \"login\" }, or a text such as \"prompt=login\""
            }
            Self::Text | Self::Url | Self::Secret => "must be a text in quotes",
        }
    }
}

impl Key {
    /// The names under which the environment can set it, the one to recommend first.
    pub(super) fn variables(&self) -> impl Iterator<Item = String> {
        let from_path = format!("LABGATE_{}", self.path.replace('.', "__").to_ascii_uppercase());
        self.lab_variable.map(str::to_owned).into_iter().chain([from_path])
    }

    /// The name to recommend for the environment.
    pub(super) fn variable(&self) -> String {
        self.variables().next().unwrap_or_default()
    }
}

/// The prefixes of Labgate's variables: any other name that begins so is a slip of the pen.
/// `ALLOW_SELF_REG` is there because a misspelt `ALLOW_SELF_REGISTRATIONS=false` would leave the door open.
pub(super) const VARIABLE_PREFIXES: [&str; 3] = ["LABGATE_", "LAB_EXTERNAL_OIDC", "ALLOW_SELF_REG"];

/// The variables by which images state what they hold. No setting has one of these names.
pub(super) const IMAGE_VARIABLES: [&str; 6] = [
    "LABGATE_VERSION",
    "LABGATE_IMAGE",
    "LABGATE_TAG",
    "LABGATE_REVISION",
    "LABGATE_COMMIT",
    "LABGATE_BUILD_DATE",
];

/// Declares the keys and the list of them.
macro_rules! keys {
    ($($name:ident: $kind:ident $scope:ident $path:literal $(as $lab_variable:literal)? $(= $default:literal)?;)+) => {
        $(pub(super) const $name: Key = Key {
            path: $path,
            lab_variable: keys!(@option $($lab_variable)?),
            kind: ValueKind::$kind,
            scope: Scope::$scope,
            default: keys!(@option $($default)?),
        };)+

        /// Every key, in the order of the documentation.
        pub(super) const KEYS: &[Key] = &[$($name),+];
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
}

keys! {
    LISTEN: Text Own "listen" = "127.0.0.1:8091";
    SOCKET_MODE: Text Own "socket_mode" = "0660";
    TLS_CERTIFICATE_FILE: Text Own "tls_certificate_file";
    TLS_PRIVATE_KEY_FILE: Text Own "tls_private_key_file";
    PUBLIC_URL: Url Shared "public_url";
    POST_LOGOUT_REDIRECT: Text Shared "post_logout_redirect" = "/signed-out";
    DATA_DIR: Text Own "data_dir" = "./labgate-data";
    DATABASE: Secret Own "database";
    DATABASE_FILE: Text Own "database_file";
    NETWORK_WITHOUT_TLS: Switch Shared "network_without_tls" = "false";
    ALLOW_SELF_REGISTRATIONS: Switch Shared "allow_self_registrations" as "ALLOW_SELF_REGISTRATIONS" = "true";
    TRUSTED_PROXIES: List Own "trusted_proxies";
    SHUTDOWN_DELAY: Text Own "shutdown_delay" = "0s";

    DIALECTS: List Shared "dialects";
    TERMS_URL: Url Shared "terms.url";
    TERMS_TEXT_FILE: Text Own "terms.text_file";
    TERMS_MUST_ACCEPT: Text Shared "terms.must_accept";

    PASSWORDS_ENABLED: Switch Shared "passwords.enabled" = "true";
    PASSWORDS_MIN_LENGTH: Number Shared "passwords.min_length" = "12";
    PASSWORDS_MAX_LENGTH: Number Shared "passwords.max_length" = "128";

    ADMIN_USERNAME: Text Shared "admin.username";
    ADMIN_PASSWORD: Secret Own "admin.password";
    ADMIN_PASSWORD_FILE: Text Own "admin.password_file";

    AUTH_URL: Url Shared "external_oidc.auth_url" as "LAB_EXTERNAL_OIDC_AUTH_URL";
    TOKEN_URL: Url Shared "external_oidc.token_url" as "LAB_EXTERNAL_OIDC_TOKEN_URL";
    CLIENT_ID: Text Shared "external_oidc.client_id" as "LAB_EXTERNAL_OIDC_CLIENT_ID";
    CLIENT_SECRET: Secret Own "external_oidc.client_secret" as "LAB_EXTERNAL_OIDC_CLIENT_SECRET";
    CLIENT_SECRET_FILE: Text Own "external_oidc.client_secret_file" as "LAB_EXTERNAL_OIDC_CLIENT_SECRET_FILE";
    CLIENT_AUTH: Text Shared "external_oidc.client_auth" as "LAB_EXTERNAL_OIDC_CLIENT_AUTH";
    CLIENT_KEY_FILE: Text Own "external_oidc.client_key_file" as "LAB_EXTERNAL_OIDC_CLIENT_KEY_FILE";
    CLIENT_KEY_ID: Text Own "external_oidc.client_key_id" as "LAB_EXTERNAL_OIDC_CLIENT_KEY_ID";
    CLIENT_CERTIFICATE_FILE: Text Own "external_oidc.client_certificate_file" as "LAB_EXTERNAL_OIDC_CLIENT_CERTIFICATE_FILE";
    CLIENT_ASSERTION_AUDIENCE: Text Shared "external_oidc.client_assertion_audience" as "LAB_EXTERNAL_OIDC_CLIENT_ASSERTION_AUDIENCE";
    ISSUER: Url Shared "external_oidc.issuer" as "LAB_EXTERNAL_OIDC_ISSUER";
    PROVIDER_KIND: Text Shared "external_oidc.kind" as "LAB_EXTERNAL_OIDC_KIND";
    PROVIDER_ID: Text Shared "external_oidc.id" = "external";
    PROVIDER_NAME: Text Shared "external_oidc.name" as "LAB_EXTERNAL_OIDC_NAME" = "your organisation";
    SCOPES: Text Shared "external_oidc.scopes" as "LAB_EXTERNAL_OIDC_SCOPES" = "email profile";
    EMAIL_TRUST: Text Shared "external_oidc.email_trust" as "LAB_EXTERNAL_OIDC_EMAIL_TRUST" = "claim";
    USERINFO: Text Shared "external_oidc.userinfo" as "LAB_EXTERNAL_OIDC_USERINFO" = "when_email_is_missing";
    TRUSTED_AUDIENCES: List Shared "external_oidc.trusted_audiences" as "LAB_EXTERNAL_OIDC_TRUSTED_AUDIENCES";
    ID_TOKEN_ALGORITHM: Text Shared "external_oidc.id_token_signed_response_alg" as "LAB_EXTERNAL_OIDC_ID_TOKEN_SIGNED_RESPONSE_ALG";
    DOMAIN_HINT: Text Shared "external_oidc.domain_hint" as "LAB_EXTERNAL_OIDC_DOMAIN_HINT";
    AUTHORIZATION_PARAMETERS: Table Shared "external_oidc.authorization_parameters" as "LAB_EXTERNAL_OIDC_AUTHORIZATION_PARAMETERS";
    PUSHED_REQUESTS: Switch Shared "external_oidc.pushed_authorization_requests" as "LAB_EXTERNAL_OIDC_PUSHED_AUTHORIZATION_REQUESTS" = "false";
    INTERNAL_URL: Url Own "external_oidc.internal_url" as "LAB_EXTERNAL_OIDC_INTERNAL_URL";
    PLAIN_HTTP_ORIGIN: Url Own "external_oidc.plain_http_origin" as "LAB_EXTERNAL_OIDC_PLAIN_HTTP_ORIGIN";
    GROUPS_CLAIM: Text Shared "external_oidc.groups_claim" as "LAB_EXTERNAL_OIDC_GROUPS_CLAIM";
    EMAIL_CLAIM: Text Shared "external_oidc.email_claim" as "LAB_EXTERNAL_OIDC_EMAIL_CLAIM";
    USERNAME_CLAIM: Text Shared "external_oidc.username_claim" as "LAB_EXTERNAL_OIDC_USERNAME_CLAIM";
    NAME_CLAIM: Text Shared "external_oidc.name_claim" as "LAB_EXTERNAL_OIDC_NAME_CLAIM";
    ALLOW_EMAIL_DOMAINS: List Shared "external_oidc.allow_email_domains" as "LAB_EXTERNAL_OIDC_ALLOW_EMAIL_DOMAINS";
    ALLOW_TENANTS: List Shared "external_oidc.allow_tenants" as "LAB_EXTERNAL_OIDC_ALLOW_TENANTS";
    ALLOW_HOSTED_DOMAINS: List Shared "external_oidc.allow_hosted_domains" as "LAB_EXTERNAL_OIDC_ALLOW_HOSTED_DOMAINS";
    ALLOW_GROUPS: List Shared "external_oidc.allow_groups" as "LAB_EXTERNAL_OIDC_ALLOW_GROUPS";
    ALLOW_ORGANIZATIONS: List Shared "external_oidc.allow_organizations" as "LAB_EXTERNAL_OIDC_ALLOW_ORGANIZATIONS";
    ALLOW_ACCOUNTS: List Shared "external_oidc.allow_accounts" as "LAB_EXTERNAL_OIDC_ALLOW_ACCOUNTS";
    FETCH_GROUPS: Switch Shared "external_oidc.fetch_groups" as "LAB_EXTERNAL_OIDC_FETCH_GROUPS" = "false";
    ADMIN_GROUPS: List Shared "external_oidc.admin_groups" as "LAB_EXTERNAL_OIDC_ADMIN_GROUPS";
    RECHECK: Text Shared "external_oidc.recheck" as "LAB_EXTERNAL_OIDC_RECHECK" = "off";

    TOKEN_LIFETIME: Text Shared "session.token_lifetime" = "15m";
    IDLE_LIMIT: Text Shared "session.idle_limit" = "12h";
    ABSOLUTE_LIMIT: Text Shared "session.absolute_limit" = "7d";
    MAX_PER_ACCOUNT: Number Shared "session.max_per_account" = "50";
    COOKIE_NAME: Text Shared "session.cookie_name" = "labgate";
    DATABASE_GRACE: Text Shared "session.database_grace" = "5m";

    ACCESS_TOKEN_DAYS: Number Shared "access_token.max_days" = "365";

    ALGORITHM: Text Shared "token.algorithm" = "ES256";
    HS256_SECRET: Secret Own "token.hs256_secret";
    HS256_SECRET_FILE: Text Own "token.hs256_secret_file";
    SIGNING_KEY_FILE: Text Own "token.signing_key_file";

    LOG_LEVEL: Text Own "log.level" = "info";
    LOG_FORMAT: Text Own "log.format" = "text";
    LOG_HASH_ADDRESSES: Switch Own "log.hash_addresses" = "false";
}
