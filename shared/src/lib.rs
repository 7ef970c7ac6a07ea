//! Types and pure rules that the webhook, the controller and the command line share.
