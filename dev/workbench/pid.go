package workbench

// PID returns the ID of the plugin's process, for tests that kill or stop it, and 0 if there is none.
func (w *Workbench) PID() int { return w.process.pid() }

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client == nil || p.client.Exited() {
		return 0
	}
	if running := p.client.ReattachConfig(); running != nil {
		return running.Pid
	}
	return 0
}
