package soak

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	width, height = 760.0, 130.0
	left, gap     = 60.0, 46.0
)

// draw returns a picture of the samples: one curve for each thing that is held, from zero up.
func draw(curve []sample) []byte {
	kinds := []struct {
		title string
		of    func(sample) float64
	}{
		{"Goroutines", func(s sample) float64 { return s.goroutines }},
		{"Heap in MiB", func(s sample) float64 { return s.heap }},
		{"Sockets", func(s sample) float64 { return s.sockets }},
		{"Descriptors", func(s sample) float64 { return s.descriptors }},
	}
	end := curve[len(curve)-1].at
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n", left+width+20, float64(len(kinds))*(height+gap)+10)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, kind := range kinds {
		top := float64(i)*(height+gap) + 26
		most := 0.0
		for _, s := range curve {
			most = math.Max(most, kind.of(s))
		}
		most = math.Max(1, most*1.1)
		var points []string
		for _, s := range curve {
			points = append(points, fmt.Sprintf("%.1f,%.1f", left+width*float64(s.at)/float64(end), top+height*(1-kind.of(s)/most)))
		}
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" font-weight="bold">%s</text>`+"\n", left, top-8, kind.title)
		fmt.Fprintf(&b, `<path d="M%.0f %.0fv%.0fh%.0f" fill="none" stroke="#888"/>`+"\n", left, top, height, width)
		for _, share := range []float64{0, 0.5, 1} {
			fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" text-anchor="end" fill="#555">%.0f</text>`+"\n", left-6, top+height*(1-share)+4, most*share)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#1f60c4" stroke-width="1.5"/>`+"\n", strings.Join(points, " "))
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="end" fill="#555">%s</text>`+"\n", left+width, top+height+14, end.Round(time.Second))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
