//! Uploaded files: checked, stored by id, served by signed links.
