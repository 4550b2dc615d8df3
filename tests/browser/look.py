"""Opens pages in a headless Chromium as a reader would, and prints what it saw as one line of JSON.

    look.py --chromium PROGRAM OUT PAGE.html…

Of each page: errors and messages of the console, addresses that were asked for, sizes of charts and pictures, numbers with the
place in metrics.json that they are taken from, widths on a phone, texts too faint for their ground in light and in dark, what
the Tab key reaches in its order, and whether what is folded away is printed. OUT gets NAME-desktop.png, NAME-phone.png,
NAME-dark.png and NAME.pdf.
"""

import argparse
import json
from pathlib import Path

from playwright.sync_api import sync_playwright

FACTS = """() => ({
    scripts: document.scripts.length,
    title: document.title,
    lang: document.documentElement.lang,
    sections: [...document.querySelectorAll('main > section[id]')].map(s => s.id),
    links: [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href')),
    charts: [...document.querySelectorAll('svg[role=img]')].map(svg => ({
        label: svg.getAttribute('aria-label'),
        marks: svg.querySelectorAll('path, rect, circle, line').length,
        width: svg.getBoundingClientRect().width, height: svg.getBoundingClientRect().height,
        broken: /NaN|Infinity|undefined/.test(svg.outerHTML),
    })),
    pictures: [...document.querySelectorAll('img')].map(i => ({ alt: i.alt, width: i.naturalWidth, height: i.naturalHeight })),
    numbers: [...document.querySelectorAll('data')].map(d => ({
        run: d.dataset.run, path: d.dataset.path, value: d.value, shown: d.textContent,
    })),
    headings: [...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1])),
    summaries: document.querySelectorAll('summary').length,
    regions: document.querySelectorAll('[tabindex="0"]').length,
})"""

# Relative luminance and contrast as WCAG 2 defines them; the ground is the nearest one behind that is not transparent.
FAINT = """() => {
    const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const luminance = c => {
        const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const c = channels(getComputedStyle(e).backgroundColor);
            // A table's ground does not reach under its caption.
            if (e.tagName === 'CAPTION') { e = e.parentElement; continue; }
            if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
        if (!text || !element.checkVisibility() || element.closest('title')) continue;
        const style = getComputedStyle(element);
        const ink = channels(element.closest('svg') ? style.fill : style.color).slice(0, 3);
        const [high, low] = [luminance(ink), luminance(ground(element))].sort((a, b) => b - a);
        const contrast = (high + 0.05) / (low + 0.05);
        if (contrast < 4.5) faint.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)}`);
    }
    return faint;
}"""

FOCUSED = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const style = getComputedStyle(e);
    return { tag: e.tagName, href: e.getAttribute('href'), seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 };
}"""

WIDE = """() => [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > window.innerWidth + 0.5 && !e.closest('.scroll, pre, svg') && e.checkVisibility())
    .map(e => `${e.tagName}.${e.className}`).slice(0, 5)"""


def open_page(browser, path, seen, width, scheme="light", media="screen"):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, device_scale_factor=1)
    page = context.new_page()
    page.on("console", lambda message: seen["console"].append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen["console"].append(str(error)))
    page.on("request", lambda request: seen["requests"].append(request.url[:80]))
    page.emulate_media(media=media, color_scheme=scheme)
    page.goto(path.resolve().as_uri())
    # Pictures further down are decoded when they come near.
    page.evaluate("() => document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    page.evaluate("() => Promise.all([...document.images].map(i => i.decode().catch(() => null)))")
    return page


def tabs(page):
    """What the Tab key reaches until it leaves the page."""
    reached = []
    while len(reached) < 500:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        reached.append(focused)
    return reached


def unfolds(page):
    """Whether the Enter key opens the first part that is folded away."""
    summary = page.query_selector("summary")
    if summary is None:
        return None
    summary.focus()
    page.keyboard.press("Enter")
    return summary.evaluate("s => s.parentElement.open")


def look(browser, path, out):
    seen = {"console": [], "requests": []}
    name = f"{path.parent.name}-{path.stem}"
    page = open_page(browser, path, seen, 1280)
    page.screenshot(path=out / f"{name}-desktop.png", full_page=True)
    facts = page.evaluate(FACTS)
    facts["faint"] = page.evaluate(FAINT)
    facts["tabs"] = tabs(page)
    facts["unfolds"] = unfolds(page)

    phone = open_page(browser, path, seen, 360)
    phone.screenshot(path=out / f"{name}-phone.png", full_page=True)
    facts["phone_width"] = phone.evaluate("() => document.documentElement.scrollWidth")
    facts["too_wide"] = phone.evaluate(WIDE)

    dark = open_page(browser, path, seen, 1280, scheme="dark")
    dark.screenshot(path=out / f"{name}-dark.png", full_page=True)
    facts["faint_in_dark"] = dark.evaluate(FAINT)

    printed = open_page(browser, path, seen, 800, media="print")
    hidden = "() => [...document.querySelectorAll('details > :not(summary)')].filter(e => e.getBoundingClientRect().height === 0).length"
    facts["not_printed"] = printed.evaluate(hidden)
    printed.pdf(path=out / f"{name}.pdf", format="A4")
    return facts | seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", required=True)
    parser.add_argument("out", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        # A sandbox of its own is not to be had as root, in a container; the pages are swath's own.
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        print(json.dumps([look(browser, page, arguments.out) for page in arguments.pages]))
        browser.close()


if __name__ == "__main__":
    main()
