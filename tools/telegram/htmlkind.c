/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlkind - what an HTML element does to the text in it
 */
#include "telegram/htmlkind.h"
#include "telegram/htmlstyle.h"

/* Every other element is inline. */
static const enum htmlkind kinds[GUMBO_TAG_LAST + 1] = {
    [GUMBO_TAG_A] = HTMLKIND_LINK,
    [GUMBO_TAG_ADDRESS] = HTMLKIND_LINE,
    [GUMBO_TAG_AREA] = HTMLKIND_AREA,
    [GUMBO_TAG_ARTICLE] = HTMLKIND_LINE,
    [GUMBO_TAG_ASIDE] = HTMLKIND_LINE,
    [GUMBO_TAG_BLOCKQUOTE] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_BR] = HTMLKIND_BREAK,
    [GUMBO_TAG_BUTTON] = HTMLKIND_BESIDE,
    [GUMBO_TAG_CAPTION] = HTMLKIND_LINE,
    [GUMBO_TAG_CENTER] = HTMLKIND_LINE,
    [GUMBO_TAG_DATALIST] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_DD] = HTMLKIND_LINE,
    [GUMBO_TAG_DEL] = HTMLKIND_STRUCK,
    [GUMBO_TAG_DETAILS] = HTMLKIND_LINE,
    [GUMBO_TAG_DIR] = HTMLKIND_LIST,
    [GUMBO_TAG_DIV] = HTMLKIND_LINE,
    [GUMBO_TAG_DL] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_DT] = HTMLKIND_LINE,
    [GUMBO_TAG_FIELDSET] = HTMLKIND_LINE,
    [GUMBO_TAG_FIGCAPTION] = HTMLKIND_LINE,
    [GUMBO_TAG_FIGURE] = HTMLKIND_LINE,
    [GUMBO_TAG_FOOTER] = HTMLKIND_LINE,
    [GUMBO_TAG_FORM] = HTMLKIND_LINE,
    [GUMBO_TAG_FRAMESET] = HTMLKIND_LINE,
    [GUMBO_TAG_H1] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_H2] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_H3] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_H4] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_H5] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_H6] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_HEADER] = HTMLKIND_LINE,
    [GUMBO_TAG_HGROUP] = HTMLKIND_LINE,
    [GUMBO_TAG_HR] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_IFRAME] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_IMG] = HTMLKIND_IMAGE,
    [GUMBO_TAG_INPUT] = HTMLKIND_INPUT,
    [GUMBO_TAG_LEGEND] = HTMLKIND_LINE,
    [GUMBO_TAG_LI] = HTMLKIND_ITEM,
    [GUMBO_TAG_LISTING] = HTMLKIND_LITERAL,
    [GUMBO_TAG_MAIN] = HTMLKIND_LINE,
    [GUMBO_TAG_MENU] = HTMLKIND_LIST,
    [GUMBO_TAG_NAV] = HTMLKIND_LINE,
    [GUMBO_TAG_NOEMBED] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_NOFRAMES] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_OL] = HTMLKIND_LIST,
    [GUMBO_TAG_OPTGROUP] = HTMLKIND_LINE,
    [GUMBO_TAG_OPTION] = HTMLKIND_LINE,
    [GUMBO_TAG_P] = HTMLKIND_PARAGRAPH,
    [GUMBO_TAG_PLAINTEXT] = HTMLKIND_LITERAL,
    [GUMBO_TAG_PRE] = HTMLKIND_LITERAL,
    [GUMBO_TAG_S] = HTMLKIND_STRUCK,
    [GUMBO_TAG_SCRIPT] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_SECTION] = HTMLKIND_LINE,
    [GUMBO_TAG_SELECT] = HTMLKIND_BESIDE,
    [GUMBO_TAG_SMALL] = HTMLKIND_SMALL,
    [GUMBO_TAG_STRIKE] = HTMLKIND_STRUCK,
    [GUMBO_TAG_STYLE] = HTMLKIND_STYLE,
    [GUMBO_TAG_SUB] = HTMLKIND_SMALL,
    [GUMBO_TAG_SUMMARY] = HTMLKIND_LINE,
    [GUMBO_TAG_SUP] = HTMLKIND_RAISED,
    [GUMBO_TAG_SVG] = HTMLKIND_IMAGE,
    [GUMBO_TAG_TABLE] = HTMLKIND_TABLE,
    [GUMBO_TAG_TD] = HTMLKIND_CELL,
    [GUMBO_TAG_TEMPLATE] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_TEXTAREA] = HTMLKIND_BESIDE,
    [GUMBO_TAG_TH] = HTMLKIND_CELL,
    [GUMBO_TAG_TITLE] = HTMLKIND_HIDDEN,
    [GUMBO_TAG_TR] = HTMLKIND_ROW,
    [GUMBO_TAG_UL] = HTMLKIND_LIST,
    [GUMBO_TAG_XMP] = HTMLKIND_LITERAL,
};

static const int breaks[HTMLKIND_HIDDEN + 1] = {
    [HTMLKIND_LINE] = 1,
    [HTMLKIND_PARAGRAPH] = 2,
    [HTMLKIND_LIST] = 2,
    [HTMLKIND_ITEM] = 1,
    [HTMLKIND_TABLE] = 1,
    [HTMLKIND_ROW] = 1,
    [HTMLKIND_AREA] = 1,
    [HTMLKIND_LITERAL] = 2,
};

enum htmlkind
htmlkind_of(const GumboNode *node, const struct htmlstyle *style)
{
	enum htmlkind kind;

	kind = kinds[node->v.element.tag];
	if (node->v.element.tag == GUMBO_TAG_HEAD)
		return (HTMLKIND_INLINE);
	/* Such as <v:roundrect>, which is a button. */
	if (node->v.element.tag == GUMBO_TAG_UNKNOWN &&
	    gumbo_get_attribute(&node->v.element.attributes, "href") != NULL)
		kind = HTMLKIND_LINK;
	switch (style->display) {
	case HTMLSTYLE_NONE:
		return (HTMLKIND_HIDDEN);
	case HTMLSTYLE_INLINE:
		if (kind == HTMLKIND_LINE || kind == HTMLKIND_PARAGRAPH ||
		    kind == HTMLKIND_ITEM)
			return (HTMLKIND_BESIDE);
		break;
	case HTMLSTYLE_BLOCK:
		if (kind == HTMLKIND_BESIDE || kind == HTMLKIND_SMALL ||
		    kind == HTMLKIND_CELL)
			return (HTMLKIND_LINE);
		break;
	case HTMLSTYLE_BESIDE:
	case HTMLSTYLE_FLEX:
		if (kind == HTMLKIND_INLINE || kind == HTMLKIND_SMALL ||
		    (style->display == HTMLSTYLE_BESIDE &&
			kind == HTMLKIND_LINE))
			return (HTMLKIND_BESIDE);
		break;
	case HTMLSTYLE_DISPLAY_UNSET:
		break;
	}
	if (kind == HTMLKIND_INLINE && style->raised)
		return (HTMLKIND_RAISED);
	if (kind == HTMLKIND_INLINE && style->small)
		return (HTMLKIND_SMALL);
	return (kind);
}

const char *
htmlkind_attribute(const GumboNode *node, const char *name)
{
	GumboAttribute *a;

	a = gumbo_get_attribute(&node->v.element.attributes, name);
	return (a == NULL ? NULL : a->value);
}

int
htmlkind_breaks(enum htmlkind kind)
{
	return (breaks[kind]);
}
