package history

// further is the track that knows more of the question's window, from the end where it begins.
func (r *reader) further(base, own *track) *track {
	if base == own || !r.question.Filter.Structured() || r.reaches(own) > r.reaches(base) {
		return own
	}
	return base
}

// reaches is for how long, in milliseconds, what a track knows goes on without a gap.
func (r *reader) reaches(t *track) int64 {
	w := r.question.Window
	for w.From < w.To {
		known, part := r.history.cache.at(t, w, r.backwards(), r.came)
		if known == nil {
			break
		}
		w = r.behind(w, part)
	}
	return r.question.Window.To - r.question.Window.From - (w.To - w.From)
}
