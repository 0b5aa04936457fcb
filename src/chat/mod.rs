//! Conversations and messages of chat and completion apps, and the `/v1` APIs over them.
