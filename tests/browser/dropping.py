"""Pictures dropped on the page of a server at home."""

from pathlib import Path

from playwright.sync_api import Page


def drop(page: Page, *files: Path) -> None:
    """Drop files on the page, as a person does from another window."""
    content = [{"name": file.name, "bytes": list(file.read_bytes())} for file in files]
    data = page.evaluate_handle(
        """files => {
            const data = new DataTransfer();
            for (const { name, bytes } of files) data.items.add(new File([new Uint8Array(bytes)], name));
            return data;
        }""",
        content,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": data})
