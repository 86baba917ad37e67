"""One file a command: it reads its configuration and joins the stages; it holds no mathematics."""
