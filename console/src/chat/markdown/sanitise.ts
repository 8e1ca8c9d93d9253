/** The only way by which a foreign text becomes HTML in a page: by an explicit list of elements and attributes. */

import createPurifier, { type Config } from "dompurify";

const ALLOWED = {
  ALLOWED_TAGS: [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h3",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
  ],
  ALLOWED_ATTR: ["align", "class", "href", "start"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  KEEP_CONTENT: true,
  RETURN_TRUSTED_TYPE: true,
} satisfies Config;

const LANGUAGE = /^language-[\w+#.-]{1,40}$/;

// An instance of its own, without hooks of other code. It makes the policy `dompurify`, which the pages' own policy names.
const purifier = createPurifier(window);

purifier.addHook("uponSanitizeAttribute", (_element, data) => {
  if (data.attrName === "class" && !LANGUAGE.test(data.attrValue)) data.keepAttr = false;
});
purifier.addHook("afterSanitizeAttributes", (element) => {
  if (element.tagName !== "A") return;
  element.setAttribute("rel", "noopener noreferrer nofollow");
  element.setAttribute("target", "_blank");
});

/** HTML that is safe to show. Where the browser knows Trusted Types it is one. */
export function sanitised(html: string): string {
  return purifier.sanitize(html, ALLOWED) as unknown as string;
}
