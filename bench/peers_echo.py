"""The floor of MCP: a server of its SDK with one tool, which gives its argument back."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str) -> str:
    """The same text."""
    return text


if __name__ == "__main__":
    server.run()
