package cbc

// Temporary reports whether the same request may succeed later, with nothing changed on this side.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindThrottled, KindServer, KindTimeout, KindAnswer, KindHost, KindNetwork:
		return true
	case KindOrgKey, KindKey, KindPermission, KindQuery, KindTooLarge, KindCanceled:
	}
	return false
}
