//! The measured operations.

/// An operation of the lab, as the store sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// The account of a name, and what opens it.
    SignInByName,
    /// The account of what a provider says.
    FindByIdentity,
    /// The session, and that it was seen.
    RenewSession,
    /// A part of the list of accounts for an administrator who looks for one of them.
    Search,
}

impl Operation {
    pub(crate) const ALL: [Self; 4] =
        [Self::SignInByName, Self::FindByIdentity, Self::RenewSession, Self::Search];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::SignInByName => "sign-in by name: account and credential",
            Self::FindByIdentity => "account of an (issuer, subject)",
            Self::RenewSession => "session renewal: find and touch",
            Self::Search => "list of accounts with a search",
        }
    }

    pub(crate) const fn aim(self) -> &'static str {
        match self {
            Self::Search => "(looks at every account)",
            _ => "under 1.5 x",
        }
    }

    /// Odd, so that there is a middle one.
    pub(crate) const fn rounds(self) -> u32 {
        match self {
            Self::Search => 3,
            Self::RenewSession => 15,
            Self::SignInByName | Self::FindByIdentity => 101,
        }
    }

    /// The number of runs in a round, one after the other. The time of a round is all of its time: work that
    /// a database puts off, such as SQLite's checkpoints, is in it.
    pub(crate) const fn times_in_a_round(self) -> u32 {
        match self {
            Self::SignInByName | Self::FindByIdentity => 300,
            Self::RenewSession => 1000,
            Self::Search => 1,
        }
    }
}
