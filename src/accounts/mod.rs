//! Who may do what: accounts, workspaces, members, sessions and API keys; the extractors that guard every route.
