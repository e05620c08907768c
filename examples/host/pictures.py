"""The pictures that were made, as many side by side as fit. One that is clicked, or Enter on it, is shown large."""

from __future__ import annotations

import io
import tkinter
from tkinter import ttk

from PIL import Image as Pillow
from PIL import ImageTk

from engine import Image

SIDE = 220


class Gallery(ttk.Frame):
    """A scrolled area of pictures that flows anew when it is made wider or narrower."""

    def __init__(self, parent: tkinter.Misc) -> None:
        super().__init__(parent)
        self.canvas = tkinter.Canvas(self, highlightthickness=0, background=ttk.Style().lookup("TFrame", "background"))
        bar = ttk.Scrollbar(self, command=self.canvas.yview)
        self.canvas.configure(yscrollcommand=bar.set)
        self.canvas.grid(row=0, column=0, sticky="nsew")
        bar.grid(row=0, column=1, sticky="ns")
        self.rowconfigure(0, weight=1)
        self.columnconfigure(0, weight=1)
        self.inside = ttk.Frame(self.canvas)
        self._window = self.canvas.create_window(0, 0, window=self.inside, anchor="nw")
        self.canvas.bind("<Configure>", lambda event: self._flow(event.width))
        self.bind_all("<Button-4>", lambda _: self.canvas.yview_scroll(-2, "units"))  # the wheel, on X11
        self.bind_all("<Button-5>", lambda _: self.canvas.yview_scroll(2, "units"))
        self.bind_all("<MouseWheel>", lambda event: self.canvas.yview_scroll(-1 if event.delta > 0 else 1, "units"))
        self.buttons: list[ttk.Button] = []
        self.images: list[tuple[str, Image]] = []

    def clear(self) -> None:
        """Take all pictures away."""
        for button in self.buttons:
            button.destroy()
        self.buttons, self.images = [], []
        self.canvas.yview_moveto(0)
        self._flow(self.canvas.winfo_width())

    def add(self, name: str, image: Image) -> None:
        """One more picture."""
        small = Pillow.open(io.BytesIO(image.data))
        small.thumbnail((SIDE, SIDE))
        photo = ImageTk.PhotoImage(small, master=self)
        caption = f"{name}\n{image.width} x {image.height}"
        button = ttk.Button(self.inside, image=photo, text=caption, compound="top", style="Picture.TButton")
        button.photo = photo  # type: ignore[attr-defined]  # Tk forgets a picture that Python has forgotten
        button.configure(command=lambda: self._enlarge(name, image))
        button.bind("<Return>", lambda _: button.invoke())
        self.buttons.append(button)
        self.images.append((name, image))
        self._flow(self.canvas.winfo_width())

    def _flow(self, width: int) -> None:
        columns = max(1, width // (SIDE + 24))
        for number, button in enumerate(self.buttons):
            button.grid(row=number // columns, column=number % columns, padx=6, pady=6, sticky="n")
        self.inside.update_idletasks()
        self.canvas.configure(scrollregion=(0, 0, width, self.inside.winfo_reqheight() if self.buttons else 0))

    def _enlarge(self, name: str, image: Image) -> tkinter.Toplevel:
        window = tkinter.Toplevel(self)
        window.title(f"{name} - {image.width} x {image.height}")
        large = Pillow.open(io.BytesIO(image.data))
        large.thumbnail((window.winfo_screenwidth() * 4 // 5, window.winfo_screenheight() * 4 // 5))
        photo = ImageTk.PhotoImage(large, master=window)
        label = ttk.Label(window, image=photo)
        label.photo = photo  # type: ignore[attr-defined]
        label.pack()
        window.bind("<Escape>", lambda _: window.destroy())
        window.focus_set()
        return window
