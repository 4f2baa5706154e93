/** What the server takes for a telephone number: `looks_personal` in pipeline/security/privacy.py; a test asks both. */

// Letters by \p{L}, because \w and \b here know only the English ones, unlike Python's.
const WITHIN = new RegExp(
  [
    String.raw`\+\d[\d ()./\-]{6,}\d`,
    String.raw`(?<![\p{L}\d_.\-])\(?\d{3}\)?[ .\-]{1,2}\d{3}[ .\-]\d{4}(?![\p{L}\d_])`,
    String.raw`(?<=[\p{L}_] )0\d{2,5}[ \/\-]?\d{4,9}\b`,
    String.raw`(?<=[\p{L}_] )\d{10,11}\b`,
  ].join('|'),
  'gu',
);
const ALONE = /^\s*\(?\d{2,4}\)?(?:[ ./-]\(?\d{2,5}\)?){2,5}\s*$/;
const DATE = /^\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}/;
const FEWEST_DIGITS = 7;
const MOST_DIGITS = 15;

/** @returns {boolean} true if there is a telephone number in it; plain digits are a number */
export function hasPhone(text) {
  if ((text.match(WITHIN) ?? []).some(fits)) return true;
  return ALONE.test(text) && fits(text) && !DATE.test(text);
}

function fits(text) {
  const digits = text.replace(/\D/g, '').length;
  return digits >= FEWEST_DIGITS && digits <= MOST_DIGITS;
}
