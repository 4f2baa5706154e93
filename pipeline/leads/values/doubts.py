"""What a doubt about a value means, in words."""

from pipeline.leads.values.reader import Doubt

MEANING = {
    Doubt.AMBIGUOUS: "can be read in two ways, and was read as in English",
    Doubt.UNREADABLE: "cannot be read as what this attribute is, and counts as not known",
    Doubt.NOT_COMPARABLE: "in a currency without a rate (`currency.rates`), and counts as not known",
}
