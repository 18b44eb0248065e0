/** Why an agent expression came to nothing while it ran, in words. */
export class AgentFailure {
  constructor(readonly text: string) {}
}
