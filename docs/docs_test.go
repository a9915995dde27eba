// Package docs checks the project's documentation: its length, its sentences, its links, and that its tables match the code.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root              = ".."
	maxSentenceWords  = 30
	maxParagraphLines = 5
	maxLineLength     = 140
)

// maxWords bounds the length of documents, code blocks excluded.
var maxWords = map[string]int{
	"README.md": 800, "docs/quickstart.md": 500, "docs/operations.md": 1500, "docs/exactness.md": 900, "docs/scale.md": 800,
	"docs/how-to/alert.md": 600, "docs/how-to/catalog-rules.md": 600, "docs/how-to/dashboards.md": 600, "docs/how-to/export.md": 600,
	"docs/how-to/queue.md": 600, "docs/how-to/panels.md": 600,
}

var (
	fence    = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	code     = regexp.MustCompile("`[^`]*`")
	image    = regexp.MustCompile(`!\[[^\]]*\]\(([^)]*)\)`)
	link     = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	word     = regexp.MustCompile(`[\pL\pN]`)
	sentence = regexp.MustCompile(`[.!?]["')*]* |[.!?]["')*]*$`)
	notSlug  = regexp.MustCompile(`[^\pL\pN _-]`)
)

// documents returns the Markdown files that people read, by path from the root. The benchmarks are generated.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	read := func(path string) {
		raw, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		texts[path] = string(raw)
	}
	for _, name := range []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} {
		read(name)
	}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			read(filepath.ToSlash(filepath.Join("docs", path)))
		}
		return err
	}))
	return texts
}

// prose returns a string without code blocks, with code and links as single words.
func prose(text string) string {
	text = fence.ReplaceAllString(text, "")
	text = code.ReplaceAllString(text, "code")
	return link.ReplaceAllString(image.ReplaceAllString(text, ""), "$1")
}

func countWords(text string) int {
	n := 0
	for _, w := range strings.Fields(text) {
		if word.MatchString(w) {
			n++
		}
	}
	return n
}

// blocks splits prose into paragraphs, list items, headings and table cells.
func blocks(text string) [][]string {
	var out [][]string
	var block []string
	end := func() {
		if block != nil {
			out, block = append(out, block), nil
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			end()
		case strings.HasPrefix(line, "|"):
			end()
			for cell := range strings.SplitSeq(strings.ReplaceAll(line, `\|`, ""), "|") {
				out = append(out, []string{cell})
			}
		case regexp.MustCompile(`^([-*#>]+|\d+\.) `).MatchString(line):
			end()
			block = []string{line}
		default:
			block = append(block, line)
		}
	}
	end()
	return out
}

func TestLengthOfDocuments(t *testing.T) {
	texts := documents(t)
	for path, limit := range maxWords {
		require.Contains(t, texts, path)
		require.LessOrEqual(t, countWords(fence.ReplaceAllString(texts[path], "")), limit, "%s has too many words", path)
	}
}

func TestSentencesAndParagraphs(t *testing.T) {
	for path, text := range documents(t) {
		if path == "docs/benchmarks.md" || path == "CHANGELOG.md" {
			continue
		}
		for _, block := range blocks(prose(text)) {
			if len(block) > maxParagraphLines {
				t.Errorf("%s: this paragraph has %d lines, more than %d: %s", path, len(block), maxParagraphLines, block[0])
			}
			for _, s := range sentence.Split(strings.Join(block, " "), -1) {
				if n := countWords(s); n > maxSentenceWords {
					t.Errorf("%s: this sentence has %d words, more than %d: %s", path, n, maxSentenceWords, s)
				}
			}
		}
		for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
			if !strings.HasPrefix(strings.TrimSpace(line), "|") && len([]rune(line)) > maxLineLength+1 {
				t.Errorf("%s: this line is longer than %d characters: %s", path, maxLineLength, line)
			}
		}
	}
}

// slugs returns the anchors of a document's headings, as GitHub makes them.
func slugs(text string) []string {
	var out []string
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		h[1] = strings.ReplaceAll(link.ReplaceAllString(h[1], "$1"), "`", "")
		out = append(out, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return out
}

func TestLinksResolve(t *testing.T) {
	texts := documents(t)
	for path, text := range texts {
		for _, l := range link.FindAllStringSubmatch(code.ReplaceAllString(fence.ReplaceAllString(text, ""), ""), -1) {
			if strings.Contains(l[2], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(l[2], "#")
			target := path
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
				_, err := os.Stat(filepath.Join(root, target))
				require.NoError(t, err, "%s links to %s", path, l[2])
			}
			if anchor != "" {
				require.Contains(t, slugs(texts[target]), anchor, "%s links to %s", path, l[2])
			}
		}
	}
}
