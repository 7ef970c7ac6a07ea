//! CA and serving certificates of the webhook.
