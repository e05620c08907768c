"""ComfyUI's protocol: graphs that are queued, executed node by node, and looked up in a history."""
