/** Shows that a page failed in place of the page, so that an error in one leaves the way to the others. */

import { Component, type ComponentChildren } from "preact";
import { Page } from "./page.tsx";

interface Props {
  /** The address of the page. Another page is shown though this one failed. */
  path: string;
  children: ComponentChildren;
}

export class PageBoundary extends Component<Props, { failedAt: string | null }> {
  override state: { failedAt: string | null } = { failedAt: null };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ failedAt: this.props.path });
  }

  override componentDidUpdate(before: Props): void {
    if (before.path !== this.props.path) this.setState({ failedAt: null });
  }

  override render({ path, children }: Props) {
    return this.state.failedAt === path ? <FailedPage /> : children;
  }
}

function FailedPage() {
  return (
    <Page title="This page failed">
      <p>The fault is ours. What you typed is kept: reload, and go on where you were.</p>
      <button type="button" onClick={() => location.reload()}>
        Reload
      </button>
    </Page>
  );
}
